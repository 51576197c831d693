// Products of matrices in float32, the one thing here that takes time, in WebAssembly with SIMD. The program is a loop
// over one tile of 4 x 8 results; it is assembled below, so that there is nothing to build.

const ROWS = 4;
const COLUMNS = 8;
const PAGE = 65536;

const I32 = 0x7f;
const V128 = 0x7b;
const get = (local) => [0x20, local];
const set = (local) => [0x21, local];
const constant = (value) => [0x41, value];
const ADD = [0x6a];
const SUBTRACT = [0x6b];
const load = (offset) => [0xfd, 0x00, 2, offset];
const loadSplat = [0xfd, 0x09, 2, 0];
const store = (offset) => [0xfd, 0x0b, 2, offset];
const MULTIPLY_LANES = [0xfd, 0xe6, 0x01];
const ADD_LANES = [0xfd, 0xe4, 0x01];

/** Return a WebAssembly module whose `tile(a, strideA, b, c, strideC, count)` computes 4 rows of 8 results. */
function assemble() {
  const [a, strideA, b, c, strideC, count] = [0, 1, 2, 3, 4, 5];
  const row = [a, 6, 7, 8];
  const sum = (index) => 9 + index;
  const [left, right, factor] = [17, 18, 19];
  const body = [];
  for (let r = 1; r < ROWS; r++) body.push(...get(row[r - 1]), ...get(strideA), ...ADD, ...set(row[r]));
  body.push(0x03, 0x40); // loop over the inner dimension
  body.push(...get(b), ...load(0), ...set(left), ...get(b), ...load(16), ...set(right));
  for (let r = 0; r < ROWS; r++) {
    body.push(...get(row[r]), ...loadSplat, ...set(factor));
    for (const [half, operand] of [left, right].entries()) {
      const target = sum(2 * r + half);
      body.push(...get(target), ...get(factor), ...get(operand), ...MULTIPLY_LANES, ...ADD_LANES, ...set(target));
    }
    body.push(...get(row[r]), ...constant(4), ...ADD, ...set(row[r]));
  }
  body.push(...get(b), ...constant(32), ...ADD, ...set(b));
  body.push(...get(count), ...constant(1), ...SUBTRACT, 0x22, count, 0x0d, 0, 0x0b); // until the count is 0
  for (let r = 0; r < ROWS; r++) {
    for (const half of [0, 1]) body.push(...get(c), ...get(sum(2 * r + half)), ...store(16 * half));
    body.push(...get(c), ...get(strideC), ...ADD, ...set(c));
  }
  const locals = [2, 3, I32, 11, V128]; // two groups: the rows, and the sums and operands
  const code = [...locals, ...body, 0x0b];
  const text = (string) => [string.length, ...new TextEncoder().encode(string)];
  const size = (length) => [(length & 0x7f) | 0x80, length >>> 7];
  const section = (id, bytes) => [id, ...size(bytes.length), ...bytes];
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 6, I32, I32, I32, I32, I32, I32, 0]), // the type of the function
    ...section(2, [1, ...text("js"), ...text("memory"), 2, 0, 1]), // the memory is imported
    ...section(3, [1, 0]),
    ...section(7, [1, ...text("tile"), 0, 0]),
    ...section(10, [1, ...size(code.length), ...code]),
  ]);
}

const memory = new WebAssembly.Memory({ initial: 1 });
const { tile } = new WebAssembly.Instance(new WebAssembly.Module(assemble()), { js: { memory } }).exports;
let used = 16;

const roundUp = (value, multiple) => Math.ceil(value / multiple) * multiple;

/** Numbers in the memory of the products: rows of float32, with room for whole tiles. */
export class Numbers {
  /**
   * @param {number} rows
   * @param {number} columns
   */
  constructor(rows, columns) {
    this.rows = rows;
    this.columns = columns;
    this.address = used;
    this.length = roundUp(rows, ROWS) * columns;
    used = roundUp(used + 4 * this.length, 16);
    const missing = Math.ceil((used - memory.buffer.byteLength) / PAGE);
    if (missing > 0) memory.grow(missing);
  }

  /** The numbers as an array of all rows, one after the other. It is valid until other numbers are made. */
  get array() {
    return new Float32Array(memory.buffer, this.address, this.rows * this.columns);
  }
}

/** A right factor of products, packed as the tiles read it. */
export class RightFactor {
  /**
   * @param {number} inner - its number of rows.
   * @param {number} columns - its number of columns.
   * @param {(row: number, column: number) => number} value - the number at a place.
   */
  constructor(inner, columns, value) {
    this.inner = inner;
    this.columns = roundUp(columns, COLUMNS);
    this.packed = new Numbers(this.columns, inner);
    const { array } = this.packed;
    for (let column = 0; column < columns; column++) {
      const first = Math.floor(column / COLUMNS) * COLUMNS * inner + (column % COLUMNS);
      for (let row = 0; row < inner; row++) array[first + row * COLUMNS] = value(row, column);
    }
  }

  /**
   * Write the product of some numbers and this factor.
   * @param {Numbers} left - (rows, inner).
   * @param {Numbers} product - (rows, columns), where `columns` is that of this factor, a multiple of 8.
   */
  multiply(left, product) {
    const strideA = 4 * this.inner;
    const strideC = 4 * this.columns;
    for (let column = 0; column < this.columns; column += COLUMNS) {
      const b = this.packed.address + 4 * column * this.inner;
      for (let row = 0; row < left.rows; row += ROWS) {
        const c = product.address + row * strideC + 4 * column;
        tile(left.address + row * strideA, strideA, b, c, strideC, this.inner);
      }
    }
  }
}
