/** What was heard, as a file: pure text, and the way to the person's disk. */

/** @param {import("./history.js").History} history */
export function toJson(history) {
  const sessions = [...new Set(history.utterances.map(({ session }) => session))];
  const exported = sessions.map((session) => ({
    number: session.number,
    source: session.source,
    started_at: session.startedAt.toISOString(),
    ...session.created,
    type: undefined,
    utterances: history.utterances.filter((one) => one.session === session).map(entry),
  }));
  const { results, discarded, speechMs, emotions, genders } = history.summary();
  const summary = { results, discarded, speech_ms: speechMs, emotions, genders };
  return JSON.stringify({ left_out: history.leftOut, summary, sessions: exported }, null, 2);
}

/** @param {Utterance} utterance */
function entry({ id, state, startMs, endMs, answer, reason }) {
  const span = {
    utterance_id: id,
    state,
    start_ms: startMs,
    end_ms: Number.isFinite(endMs) ? endMs : undefined,
  };
  return { ...span, ...answer, type: undefined, reason: reason || undefined };
}

/** @param {{utterances: Utterance[]}} history */
export function toCsv({ utterances }) {
  const answers = utterances.flatMap(({ answer }) => answer ?? []);
  const emotions = new Set(answers.flatMap(({ emotion }) => Object.keys(emotion.scores)));
  const genders = new Set(answers.flatMap(({ gender }) => Object.keys(gender.scores)));
  const rows = utterances.map((one) => ({
    session: one.session.number,
    source: one.session.source,
    started_at: one.session.startedAt.toISOString(),
    model: one.session.created.model.name,
    ...flat(one),
    ...scores("emotion", emotions, one.answer?.emotion.scores),
    ...scores("gender", genders, one.answer?.gender.scores),
  }));
  const lines = [Object.keys(rows[0] ?? {}), ...rows.map(Object.values)];
  return [...lines.map((line) => line.map(cell).join(",")), ""].join("\r\n");
}

/** @param {Utterance} utterance */
function flat({ id, state, startMs, endMs, answer, reason }) {
  return {
    utterance_id: id,
    state,
    start_ms: startMs,
    end_ms: Number.isFinite(endMs) ? endMs : "",
    emotion: answer?.emotion.label,
    emotion_confidence: answer?.emotion.confidence,
    gender: answer?.gender.label,
    gender_confidence: answer?.gender.confidence,
    reason,
    latency_ms: answer && "latency_ms" in answer ? answer.latency_ms : "",
  };
}

/**
 * @param {string} question
 * @param {Set<string>} labels
 * @param {Record<string, number>} [given]
 */
function scores(question, labels, given = {}) {
  return Object.fromEntries([...labels].map((label) => [`${question}_${label}`, given[label]]));
}

/** @param {unknown} value */
function cell(value) {
  const text = String(value ?? "");
  // A spreadsheet runs a text that begins like a formula; a file may be named so.
  const safe = typeof value === "string" && /^[=+\-@\t]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/**
 * @param {import("./history.js").History} history
 * @param {"json" | "csv"} kind
 */
export function save(history, kind) {
  const [type, text] =
    kind === "json" ? ["application/json", toJson(history)] : ["text/csv", toCsv(history)];
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = `intone-${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}.${kind}`;
  link.click();
  // The browser reads it after this.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
