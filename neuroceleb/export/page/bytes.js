/** Binary data that a page of text carries: base64 and float16. */

/** @param {string} text base64 @returns {Uint8Array<ArrayBuffer>} */
export function bytesOf(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i += 1) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** @param {string} text base64 of little-endian float64 @returns {Float64Array} */
export function doublesOf(text) {
  return new Float64Array(bytesOf(text).buffer);
}

/** @param {string} text base64 of little-endian float32 @returns {Float32Array} */
export function floatsOf(text) {
  return new Float32Array(bytesOf(text).buffer);
}

/** The values of all 65,536 float16 numbers, by their bits. @returns {Float32Array} */
export function float16Values() {
  const values = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits += 1) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    let value = (1 + fraction / 1024) * 2 ** (exponent - 15);
    if (exponent === 0) value = fraction * 2 ** -24;
    if (exponent === 31) value = fraction ? NaN : Infinity;
    values[bits] = bits & 32768 ? -value : value;
  }
  return values;
}
