// The messages of intone.v1, made from the server's own types:
// python -m intone.web.typescript client_js/events.d.ts

export type ClientMessage =
  | Auth
  | SessionUpdate
  | Flush
  | Ping
  | SessionClose;

export type ServerMessage =
  | SessionCreated
  | SessionUpdated
  | Started
  | Interim
  | Result
  | Discarded
  | Pong
  | ServerError
  | SessionClosed;

/** The token, as the first message of a session opened with ``?auth=message``. */
export interface Auth {
  type: "auth";
  token: string;
}

/** Change the configuration; before the first audio only. What is left out stays. */
export interface SessionUpdate {
  type: "session.update";
  audio?: AudioUpdate;
  model?: string;
  interim_ms?: number;
  source?: Source;
}

/** The parts of the audio format to change. */
export interface AudioUpdate {
  encoding?: string;
  sample_rate_hz?: number;
  channels?: number;
}

/** What a microphone does to the sound before it is sent; for the log. */
export interface Source {
  sample_rate_hz?: number;
  echo_cancellation?: boolean;
  noise_suppression?: boolean;
  auto_gain_control?: boolean;
}

/** End the running utterances now. */
export interface Flush {
  type: "flush";
}

/** Ask how far the server is; ``marker`` is given back in the pong. */
export interface Ping {
  type: "ping";
  marker?: string;
}

/** End the session: the last results follow, then ``session.closed``. */
export interface SessionClose {
  type: "session.close";
}

/** The session is open, with this configuration. */
export interface SessionCreated {
  type: "session.created";
  protocol: string;
  session_id: string;
  audio: Audio;
  model: Model;
  interim_ms: number;
  limits: Limits;
}

/** The audio that a session sends; encodings are s16le, f32le, mulaw and alaw. */
export interface Audio {
  encoding: string;
  sample_rate_hz: number;
  channels: number;
}

/** The model that answers, and the labels it may give besides ``unsure``. */
export interface Model {
  name: string;
  sha256: string;
  emotions: string[];
  genders: string[];
  interims?: boolean;
  interim_model?: string;
}

/** What the server takes from one session; a frame is one binary message's audio. */
export interface Limits {
  max_frame_ms: number;
  max_message_bytes: number;
  max_rate: number;
  max_rate_burst_s: number;
  max_session_s: number;
  idle_timeout_s: number;
}

/** The whole configuration after a ``session.update``. */
export interface SessionUpdated {
  type: "session.updated";
  audio: Audio;
  model: Model;
  interim_ms: number;
}

/** Somebody began to speak. */
export interface Started {
  type: "utterance.started";
  utterance_id: number;
  channel: number;
  start_ms: number;
  continues?: number;
}

/** The answer so far, while the utterance runs. */
export interface Interim {
  type: "utterance.interim";
  utterance_id: number;
  channel: number;
  start_ms: number;
  end_ms: number;
  emotion: Answer;
  gender: Answer;
}

/** One question's answer: ``label`` is the best of ``scores``, or ``unsure``. */
export interface Answer {
  label: string;
  confidence: number;
  scores: Record<string, number>;
}

/** The final answer of an utterance. */
export interface Result {
  type: "utterance.result";
  utterance_id: number;
  channel: number;
  start_ms: number;
  end_ms: number;
  emotion: Answer;
  gender: Answer;
  reason: string;
  continues?: number;
  model: string;
  latency_ms?: number;
}

/** An utterance that started and gets no result. */
export interface Discarded {
  type: "utterance.discarded";
  utterance_id: number;
  channel: number;
  start_ms: number;
  end_ms: number;
  reason: string;
}

/** The answer to a ping. */
export interface Pong {
  type: "pong";
  marker: string;
  received_ms: number;
  lag_ms: number;
}

/** Something was refused, or failed; fatal ones are followed by a close. */
export interface ServerError {
  type: "error";
  code: string;
  message: string;
  retryable: boolean;
}

/** The last message of a session. */
export interface SessionClosed {
  type: "session.closed";
  reason: string;
  received: Received;
  produced: Produced;
}

/** What the server took. */
export interface Received {
  audio_ms: number;
  bytes: number;
}

/** What the server made of it; ``utterances`` counts results. */
export interface Produced {
  utterances: number;
  interims: number;
  discarded: number;
}

/** Body of ``POST /v1/analyze``. */
export interface Analysis {
  audio: Audio;
  duration_ms: number;
  model: Model;
  utterances: Result[];
  discarded: Discarded[];
}

/** Body of every HTTP answer that is an error. */
export interface ErrorBody {
  error: ErrorDetail;
}

/** The same as the stream's ``error``. */
export interface ErrorDetail {
  code: string;
  message: string;
  retryable: boolean;
}

/** Body of ``/healthz`` and ``/readyz``: starting, serving or draining. */
export interface Health {
  status: string;
}

/** Body of ``GET /v1/models``. */
export interface Models {
  models: ModelEntry[];
  default: string;
}

/** What a model's card says of it. */
export interface ModelEntry {
  name: string;
  kind: string;
  description: string;
  emotions: string[];
  genders: string[];
  sha256: string;
  accuracy: Record<string, unknown>[];
  licence: string;
  intended_use: string;
  interims?: boolean;
  interim_model?: string;
}
