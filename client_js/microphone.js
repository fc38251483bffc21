/** The microphone as a stream of 16 kHz s16le frames. */

import { Emitter } from "./emitter.js";
import { rmsDbfs } from "./level.js";

/** How long the worklet may take to hand over its last frame: it answers within a quantum, if at all. */
const FINISH_TIMEOUT_MS = 300;

/** How long the browser's sound system may take; without any sound device it never starts. */
const START_TIMEOUT_MS = 5_000;

/**
 * Gain control and noise suppression flatten exactly what an emotion is heard by; echo
 * cancellation keeps the loudspeaker's voice out.
 *
 * @type {MediaTrackConstraints}
 */
export const DEFAULT_CONSTRAINTS = {
  channelCount: 1,
  echoCancellation: true,
  autoGainControl: false,
  noiseSuppression: false,
};

/** What stands in the way, in words for the person at the page; `code` names it for a program. */
export class MicrophoneError extends Error {
  /**
   * @param {MicrophoneErrorCode} code
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.name = "MicrophoneError";
    this.code = code;
  }
}

/** @typedef {"insecure" | "unsupported" | "denied" | "missing" | "busy" | "ended" | "failed"} MicrophoneErrorCode */

/** @type {Record<string, [MicrophoneErrorCode, string]>} by the name of the browser's exception */
const SENTENCES = {
  NotAllowedError: [
    "denied",
    "The microphone is blocked for this page. Allow it in the browser's site settings, then start again.",
  ],
  SecurityError: ["denied", "The browser's settings forbid this page to use a microphone."],
  NotFoundError: ["missing", "No microphone was found. Connect one, then start again."],
  OverconstrainedError: ["missing", "The chosen microphone is not connected any more."],
  NotReadableError: [
    "busy",
    "The microphone cannot be opened. Another program may be using it, or the system may block it.",
  ],
  AbortError: ["busy", "The microphone stopped before it had started. Start again."],
};

/** @param {unknown} error */
function inWords(error) {
  if (error instanceof MicrophoneError) return error;
  // By its name alone: Safari's OverconstrainedError is neither an Error nor a DOMException.
  const { name, message } = /** @type {Partial<Error>} */ (error ?? {});
  const [code, sentence] = SENTENCES[name ?? ""] ?? [
    "failed",
    `The microphone could not be opened: ${message || error}`,
  ];
  return new MicrophoneError(code, sentence);
}

/**
 * `started` tells what the browser made of the constraints; `frame` is 100 ms of s16le audio, whose
 * buffer is the listener's; `level` is its RMS in dB of full scale, -60 at least; `ended` comes when
 * the device goes away by itself; `muted` when the system or a switch on the device silences it, or
 * the browser interrupts the recording, as for a phone call, and when it is back.
 *
 * @extends {Emitter<{started: MediaTrackSettings, frame: ArrayBuffer, level: number,
 *   ended: MicrophoneError, muted: boolean}>}
 */
export class Microphone extends Emitter {
  /** @type {MediaTrackConstraints} */ #constraints;
  /** @type {string | URL} */ #workletUrl;
  /** @type {MediaStream | null} */ #stream = null;
  /** @type {AudioContext | null} */ #context = null;
  /** @type {AudioWorkletNode | null} */ #capture = null;
  #isMuted = false;
  /** Stops so far. */
  #stops = 0;
  /** @type {{promise: Promise<void>, stops: number} | null} the start that is under way */
  #starting = null;
  /** @type {Promise<void> | null} */ #stopping = null;

  /**
   * @param {{deviceId?: string, constraints?: MediaTrackConstraints, workletUrl?: string | URL}}
   *   [options] `deviceId` is one of {@link Microphone.devices}, the system's choice if not given; a
   *   bundler or a content security policy may want the worklet served from elsewhere
   */
  constructor({ deviceId, constraints, workletUrl } = {}) {
    super();
    const device = deviceId ? { deviceId: { exact: deviceId } } : {};
    this.#constraints = { ...DEFAULT_CONSTRAINTS, ...device, ...constraints };
    this.#workletUrl = workletUrl ?? new URL("./worklet.js", import.meta.url);
  }

  /** @returns {Promise<MediaDeviceInfo[]>} microphones; nameless until the person has allowed one */
  static async devices() {
    const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    return devices.filter(({ kind, deviceId }) => kind === "audioinput" && deviceId);
  }

  /** @returns {boolean} whether {@link mute} has silenced it */
  get isMuted() {
    return this.#isMuted;
  }

  /** @param {boolean} isMuted silence is sent instead, so that times stay right */
  mute(isMuted) {
    this.#isMuted = isMuted;
    for (const track of this.#stream?.getAudioTracks() ?? []) track.enabled = !isMuted;
  }

  /**
   * Sends everything that is recorded to a client, and tells the server what it is recorded with.
   *
   * @param {import("./client.js").IntoneClient} client
   * @returns {this}
   */
  pipe(client) {
    const { settings } = this;
    if (settings) client.describeSource(settings);
    this.on("started", (settings) => client.describeSource(settings));
    this.on("frame", (frame) => client.send(frame));
    return this;
  }

  /** @returns {MediaTrackSettings | null} what the browser made of the constraints */
  get settings() {
    return this.#stream?.getAudioTracks()[0]?.getSettings() ?? null;
  }

  /**
   * Asks for the device; frames come from now on. Call it from a click: browsers start audio only then.
   *
   * @throws {MicrophoneError} also, as `ended`, where {@link stop} came before it had started
   */
  async start() {
    const stops = this.#stops;
    await this.#stopping;
    // One that a stop has overtaken fails, as soon as the person has answered the browser.
    while (this.#starting && this.#starting.stops !== this.#stops) {
      await this.#starting.promise.catch(() => {});
    }
    // A stop right after the call comes before any of this.
    this.#expect(stops);
    if (this.#stream && !this.#starting) return;
    this.#starting ??= {
      stops: this.#stops,
      promise: this.#start().finally(() => (this.#starting = null)),
    };
    await this.#starting.promise;
  }

  async #start() {
    if (!globalThis.isSecureContext) {
      throw new MicrophoneError(
        "insecure",
        "Browsers give a microphone only to pages opened over https, or from localhost.",
      );
    }
    if (!navigator.mediaDevices?.getUserMedia || typeof AudioWorkletNode === "undefined") {
      throw new MicrophoneError(
        "unsupported",
        "This browser cannot record. Try a current Chrome or Firefox.",
      );
    }
    const stops = this.#stops;
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: this.#constraints });
      this.#stream = stream;
      this.#expect(stops);
      await this.#record(stream, stops);
    } catch (error) {
      this.#release();
      // What a context that was closed on the way complains of is no reason.
      this.#expect(stops);
      throw inWords(error);
    }
  }

  /** Gives out the last, shorter frame, then frees the device. */
  async stop() {
    this.#stops += 1;
    this.#stopping ??= this.#stop().finally(() => (this.#stopping = null));
    await this.#stopping;
  }

  async #stop() {
    if (this.#capture && this.#context?.state === "running") await this.#finish(this.#capture);
    this.#release();
  }

  /** @param {number} stops that there had been when it was started */
  #expect(stops) {
    if (stops !== this.#stops) {
      throw new MicrophoneError("ended", "The microphone was stopped before it had started.");
    }
  }

  /**
   * @param {MediaStream} stream
   * @param {number} stops
   */
  async #record(stream, stops) {
    const [track] = stream.getAudioTracks();
    track.onended = () => {
      this.#fail(new MicrophoneError("ended", "The microphone was unplugged or switched off."));
    };
    // The device's own rate: Firefox refuses to connect a microphone to a context of another one.
    const context = new AudioContext({ latencyHint: "interactive" });
    this.#context = context;
    await this.#loadWorklet(context);
    this.#expect(stops);
    await resumed(context);
    this.#expect(stops);
    const capture = new AudioWorkletNode(context, "intone-capture", {
      numberOfInputs: 1,
      outputChannelCount: [1],
      channelCount: 1,
      channelCountMode: "explicit",
    });
    this.mute(this.#isMuted);
    this.emit("started", track.getSettings());
    capture.port.onmessage = ({ data }) => this.#hear(data);
    capture.onprocessorerror = () => {
      this.#fail(
        new MicrophoneError("failed", "The recording stopped because of an internal error."),
      );
    };
    // The processor writes no output, so this plays silence; unconnected, it would not run at all.
    context.createMediaStreamSource(stream).connect(capture).connect(context.destination);
    this.#capture = capture;
    this.#watch(track, context);
  }

  /** @param {ArrayBuffer} frame */
  #hear(frame) {
    this.emit("level", rmsDbfs(new DataView(frame)));
    this.emit("frame", frame);
  }

  /** @param {AudioContext} context */
  async #loadWorklet(context) {
    try {
      await context.audioWorklet.addModule(this.#workletUrl);
    } catch {
      // The same AbortError as a microphone's, and no more detail than that.
      throw new MicrophoneError(
        "failed",
        "The recorder could not be loaded: the server cannot be reached.",
      );
    }
  }

  /**
   * @param {MediaStreamTrack} track which may have been silenced before it was opened
   * @param {AudioContext} context
   */
  #watch(track, context) {
    let wasMuted = false;
    const look = () => {
      const isRunning = context.state === "running";
      const isMuted = track.muted || !isRunning;
      // What interrupts leaves it suspended, on some systems until it is asked for again.
      if (!isRunning) context.resume().catch(() => {});
      if (isMuted !== wasMuted) this.emit("muted", (wasMuted = isMuted));
    };
    track.onmute = track.onunmute = context.onstatechange = look;
    look();
  }

  /** @param {MicrophoneError} error */
  #fail(error) {
    // A start that is still under way ends with it.
    if (this.#starting) this.#stops += 1;
    this.#release();
    this.emit("ended", error);
  }

  /** @param {AudioWorkletNode} capture */
  async #finish(capture) {
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, FINISH_TIMEOUT_MS);
      capture.port.onmessage = ({ data }) => {
        if (data !== "finished") return this.#hear(data);
        clearTimeout(timer);
        resolve(undefined);
      };
      capture.port.postMessage("finish");
    });
  }

  #release() {
    const context = this.#context;
    for (const track of this.#stream?.getTracks() ?? []) {
      track.onended = track.onmute = track.onunmute = null;
      track.stop();
    }
    if (context) context.onstatechange = null;
    if (this.#capture) this.#capture.port.onmessage = null;
    this.#stream = null;
    this.#capture = null;
    this.#context = null;
    // Not awaited: a context that never came to run may never finish closing.
    void context?.close();
  }
}

/** @param {AudioContext} context */
async function resumed(context) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const timeout = new Promise((_, reject) => {
    const sentence = "The browser's sound system did not start. Is a sound device connected?";
    const error = new MicrophoneError("failed", sentence);
    timer = setTimeout(() => reject(error), START_TIMEOUT_MS);
  });
  try {
    await Promise.race([context.resume(), timeout]);
  } finally {
    clearTimeout(timer);
  }
}
