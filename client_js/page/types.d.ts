// What the page's modules hand each other; global, so that no module has to say where it is from.

type Result = import("../events.js").Result;
type Interim = import("../events.js").Interim;
type Discarded = import("../events.js").Discarded;
type Started = import("../events.js").Started;
type Answer = import("../events.js").Answer;
type SessionCreated = import("../events.js").SessionCreated;
type ModelEntry = import("../events.js").ModelEntry;

interface HeardSession {
  /** Counts from 1. */
  number: number;
  /** What was listened to. */
  source: string;
  startedAt: Date;
  created: SessionCreated;
  /** Where it begins, on the clock of the kept audio. */
  offsetMs: number;
  /** Audio that is kept here and was not heard there, by the session's own clock. */
  gaps: { atMs: number; ms: number }[];
}

interface Utterance {
  session: HeardSession;
  id: number;
  state: "running" | "result" | "discarded";
  startMs: number;
  /** Infinity while it runs. */
  endMs: number;
  /** The latest. */
  answer: Interim | Result | null;
  /** Why it ended, or was left out. */
  reason: string;
}

interface Summary {
  results: number;
  discarded: number;
  /** Of results. */
  speechMs: number;
  /** Results by label. */
  emotions: Record<string, number>;
  genders: Record<string, number>;
}

/** Of one frame of 25 ms. */
interface Measures {
  /** 0 to 1. */
  rms: number;
  /** Share of neighbouring samples of different sign. */
  zeroCrossingRate: number;
  /** Energy under 2 kHz against the rest. */
  bandEnergyRatioDb: number;
  centroidHz: number;
  /** Deviation from the centroid. */
  bandwidthHz: number;
}

/** One measured figure of a model's card. */
interface Figure {
  corpus: string;
  /** Who was in training and who was not. */
  protocol: string;
  /** `emotion` or `gender`. */
  task: string;
  /** `uar` (mean recall of the classes), `accuracy` or `ece`. */
  metric: string;
  value: number;
}
