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
/** @typedef {import("./events.js").ServerMessage} ServerMessage */
/** @typedef {import("./events.js").SessionCreated} SessionCreated */
/** @typedef {import("./events.js").Started} Started */
/** @typedef {import("./events.js").Interim} Interim */
/** @typedef {import("./events.js").Result} Result */
/** @typedef {import("./events.js").Discarded} Discarded */
/** @typedef {import("./events.js").Answer} Answer */
