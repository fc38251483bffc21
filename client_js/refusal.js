/**
 * Why a session was refused: a browser does not tell what HTTP answer its upgrade got, but the same
 * address asked without one gets the same refusal.
 */

/** The person waits for the answer. */
const TIMEOUT_MS = 3_000;

/**
 * @param {URL} streamUrl
 * @param {string} [token]
 * @returns {Promise<import("./events.js").ErrorDetail | null>} null when there is no knowing, as where
 *   the page's policy forbids to ask
 */
export async function refusalOf(streamUrl, token) {
  const url = new URL(streamUrl);
  url.protocol = url.protocol.replace(/^ws/, "http");
  try {
    const response = await fetch(url, {
      headers: token ? { Authorization: `Bearer ${token}` } : {},
      signal: AbortSignal.timeout(TIMEOUT_MS),
      cache: "no-store",
    });
    const { error } = await response.json();
    // "This is a WebSocket endpoint" means that it would have been let in by now.
    return error?.code && error.code !== "bad_request" ? error : null;
  } catch {
    return null;
  }
}
