/** ZIP files without compression: pictures are compressed already. Source: APPNOTE.TXT 6.3.10, sections 4.3 and 4.4. */

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});

/** @param {Uint8Array} bytes */
export function crc32(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 0xff] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

/**
 * A ZIP file of `files`, all of the time `at`.
 * @param {{name: string, bytes: Uint8Array}[]} files at most 65,535, of 4 GB together
 * @param {Date} at
 */
export function zipOf(files, at) {
  if (files.length > 0xffff) throw new RangeError(`a ZIP file has at most 65,535 files, got ${files.length}`);
  const [parts, directory] = [[], []];
  let offset = 0;
  for (const { name, bytes } of files) {
    const path = new TextEncoder().encode(name);
    const about = header(path, bytes, at);
    parts.push(record(0x04034b50, [], about), path, bytes);
    directory.push(record(0x02014b50, [[20, 2]], about, [[0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]]), path);
    offset += 30 + path.length + bytes.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = record(0x06054b50, [], [[0, 2], [0, 2], [files.length, 2], [files.length, 2], [size, 4], [offset, 4], [0, 2]]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/** The fields that both headers of a file have: values and their sizes in bytes. */
function header(path, bytes, at) {
  const time = (at.getHours() << 11) | (at.getMinutes() << 5) | (at.getSeconds() >> 1);
  const date = ((at.getFullYear() - 1980) << 9) | ((at.getMonth() + 1) << 5) | at.getDate();
  const utf8 = 1 << 11;
  const sizes = [[crc32(bytes), 4], [bytes.length, 4], [bytes.length, 4], [path.length, 2], [0, 2]];
  return [[20, 2], [utf8, 2], [0, 2], [time, 2], [date, 2], ...sizes];
}

function record(signature, ...groups) {
  const fields = [[signature, 4], ...groups.flat()];
  const view = new DataView(new ArrayBuffer(fields.reduce((sum, [, size]) => sum + size, 0)));
  let at = 0;
  for (const [value, size] of fields) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  }
  return new Uint8Array(view.buffer);
}
