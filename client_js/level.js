/** How loud a frame is: pure arithmetic for meters. */

/** Quietest level a meter shows: under it a room is silent. */
export const FLOOR_DBFS = -60;

/**
 * @param {DataView} pcm s16le bytes
 * @returns {number} RMS in dB of full scale, at least {@link FLOOR_DBFS}
 */
export function rmsDbfs(pcm) {
  const samples = pcm.byteLength >> 1;
  if (samples === 0) return FLOOR_DBFS;
  let energy = 0;
  for (let at = 0; at < 2 * samples; at += 2) energy += (pcm.getInt16(at, true) / 32_768) ** 2;
  return Math.max(FLOOR_DBFS, 10 * Math.log10(energy / samples));
}

/**
 * @param {number} dbfs
 * @returns {number} 0 at {@link FLOOR_DBFS}, 1 at full scale
 */
export function meterShare(dbfs) {
  return Math.min(1, Math.max(0, 1 - dbfs / FLOOR_DBFS));
}
