/** `intone-client`: everything an application needs; the element is in `meter.js`. */

export { ClientState, ConnectionError, IntoneClient } from "./client.js";
export { FileError, decodeFile, streamFile } from "./file.js";
export { DEFAULT_CONSTRAINTS, Microphone, MicrophoneError } from "./microphone.js";
export { PROTOCOL, UNSURE } from "./wire.js";

/** @typedef {import("./client.js").ClientOptions} ClientOptions */
/** @typedef {import("./client.js").ClientEvents} ClientEvents */
/** @typedef {import("./client.js").StateChange} StateChange */
/** @typedef {import("./client.js").Dropped} Dropped */
/** @typedef {import("./session.js").Lag} Lag */
/** @typedef {import("./events").ServerMessage} ServerMessage */
/** @typedef {import("./events").SessionCreated} SessionCreated */
/** @typedef {import("./events").Started} Started */
/** @typedef {import("./events").Interim} Interim */
/** @typedef {import("./events").Result} Result */
/** @typedef {import("./events").Discarded} Discarded */
/** @typedef {import("./events").Answer} Answer */
