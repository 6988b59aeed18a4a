/* The convolutions of a DCGAN generator for WebAssembly with 128-bit SIMD. Built by build_kernel.sh.
 *
 * Activations are float32, height x width x channels, with a border of one zero pixel; the number of
 * channels is padded with zeros to a multiple of 4. A 4x4 transposed convolution of stride 2 and
 * padding 1 is four 2x2 convolutions of the input, one for each parity (py, px) of the output
 * pixel. Their weights are packed as [py][px][block of BLOCK output channels][tap][input channel]
 * [channel in block], so that the inner loop reads them in order. BLOCK is 8, or 4 where the
 * number of output channels is no multiple of 8.
 */

#include <wasm_simd128.h>

#define PIXELS 4 /* output pixels of one parity that are accumulated together */

__attribute__((export_name("project"))) void project(
    const float *z, const float *weights, const float *bias, float *out, int nz, int channels) {
  const int side = 4, row = (side + 2) * channels;
  for (int y = 0; y < side; y++)
    for (int x = 0; x < side; x++)
      for (int c = 0; c < channels; c += 4) {
        const float *w = weights + (y * side + x) * channels + c;
        v128_t sum = wasm_v128_load(bias + c);
        for (int i = 0; i < nz; i++) {
          v128_t scaled = wasm_f32x4_mul(wasm_v128_load32_splat(z + i), wasm_v128_load(w));
          sum = wasm_f32x4_add(sum, scaled);
          w += side * side * channels;
        }
        sum = wasm_f32x4_max(sum, wasm_f32x4_splat(0));
        wasm_v128_store(out + (y + 1) * row + (x + 1) * channels + c, sum);
      }
}

/* One block of VECTORS * 4 output channels, for PIXELS neighbours in a row of one parity. */
#define TILE(VECTORS)                                                                         \
  static inline void tile_##VECTORS(const float *const taps[4], const float *w,               \
                                    const float *bias, float *out, int cin, int out_step,     \
                                    v128_t least) {                                           \
    v128_t sums[PIXELS][VECTORS];                                                             \
    for (int p = 0; p < PIXELS; p++)                                                          \
      for (int v = 0; v < VECTORS; v++) sums[p][v] = wasm_v128_load(bias + 4 * v);            \
    for (int t = 0; t < 4; t++) {                                                             \
      const float *in = taps[t];                                                              \
      for (int i = 0; i < cin; i++, w += 4 * VECTORS) {                                       \
        v128_t weight[VECTORS];                                                               \
        _Pragma("clang loop unroll(full)") for (int v = 0; v < VECTORS; v++)                  \
            weight[v] = wasm_v128_load(w + 4 * v);                                            \
        _Pragma("clang loop unroll(full)") for (int p = 0; p < PIXELS; p++) {                 \
          v128_t value = wasm_v128_load32_splat(in + p * cin + i);                            \
          _Pragma("clang loop unroll(full)") for (int v = 0; v < VECTORS; v++)                \
              sums[p][v] = wasm_f32x4_add(sums[p][v], wasm_f32x4_mul(value, weight[v]));      \
        }                                                                                     \
      }                                                                                       \
    }                                                                                         \
    for (int p = 0; p < PIXELS; p++)                                                          \
      for (int v = 0; v < VECTORS; v++)                                                       \
        wasm_v128_store(out + p * out_step + 4 * v, wasm_f32x4_max(sums[p][v], least));       \
  }

TILE(1)
TILE(2)

/* size x size x cin -> 2 size x 2 size x cout, ReLU if `relu`; size is a multiple of PIXELS. */
__attribute__((export_name("upsample"))) void upsample(
    const float *in, const float *weights, const float *bias, float *out, int size, int cin,
    int cout, int relu) {
  const int block = cout % 8 ? 4 : 8;
  const int in_row = (size + 2) * cin, out_row = (2 * size + 2) * cout;
  const v128_t least = wasm_f32x4_splat(relu ? 0.0f : -__builtin_inff());
  for (int py = 0; py < 2; py++)
    for (int px = 0; px < 2; px++)
      for (int c = 0; c < cout; c += block, weights += 4 * cin * block)
        for (int y = 0; y < size; y++)
          for (int x = 0; x < size; x += PIXELS) {
            const float *corner = in + (y + py) * in_row + (x + px) * cin;
            const float *const taps[4] = {corner, corner + cin, corner + in_row,
                                          corner + in_row + cin};
            float *pixel = out + (2 * y + py + 1) * out_row + (2 * x + px + 1) * cout + c;
            if (block == 8)
              tile_2(taps, weights, bias + c, pixel, cin, 2 * cout, least);
            else
              tile_1(taps, weights, bias + c, pixel, cin, 2 * cout, least);
          }
}
