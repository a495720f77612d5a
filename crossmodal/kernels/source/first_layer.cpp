// oneDNN's fast code takes pictures of three channels with AVX2, of one or three with AVX-512.
#include "first_layer.h"
#include "vectors.h"
#include <cstring>
#include <vector>

namespace {

// Sums are made of so many pictures' at the most, each by one thread, and joined in their order:
// the result does not depend on the number of threads.
constexpr int64_t SLICES = 16;

// A picture with zeros around it, (c, h + 2 padding, w + 2 padding).
void pad(const float* x, const Sizes& s, float* to) {
    int64_t wide = s.w + 2 * s.padding;
    for (int64_t c = 0; c < s.c; c++)
        for (int64_t row = 0; row < s.h; row++)
            std::memcpy(to + ((c * (s.h + 2 * s.padding) + s.padding + row) * wide + s.padding),
                        x + (c * s.h + row) * s.w, s.w * sizeof(float));
}

// sums[k] += sum over a row of the target of dy[i] * x[i stride + k].
template <int KERNEL>
void add_row(const float* x, const float* dy, int64_t count, int64_t stride, float* sums) {
    Vec row[KERNEL] = {};
    for (int64_t i = 0; i < count; i++, x += stride) {
        Vec gradient = load(dy + i * BLOCK);
#pragma GCC unroll 7
        for (int k = 0; k < KERNEL; k++) row[k] += gradient * x[k];
    }
    for (int k = 0; k < KERNEL; k++) store(sums + k * BLOCK, load(sums + k * BLOCK) + row[k]);
}

using AddRow = decltype(&add_row<1>);
constexpr AddRow ADD_ROW[WIDEST_KERNEL + 1] = {nullptr, add_row<1>, add_row<2>, add_row<3>,
                                               add_row<4>, add_row<5>, add_row<6>, add_row<7>};

// What one picture adds to sums (out block, c, kernel h, kernel w, BLOCK).
void add_picture(const float* padded, const float* dy, const Sizes& s, float* sums) {
    int64_t tall = s.h + 2 * s.padding, wide = s.w + 2 * s.padding;
    for (int64_t block = 0; block * BLOCK < s.out; block++)
        for (int64_t row = 0; row < s.out_h; row++) {
            const float* gradient = dy + (block * s.out_h + row) * s.out_w * BLOCK;
            for (int64_t c = 0; c < s.c; c++)
                for (int64_t k = 0; k < s.kernel_h; k++)
                    ADD_ROW[s.kernel_w](
                        padded + (c * tall + row * s.stride + k) * wide, gradient, s.out_w, s.stride,
                        sums + ((block * s.c + c) * s.kernel_h + k) * s.kernel_w * BLOCK);
        }
}

}  // namespace

void first_layer_weights(const float* x, const float* dy, const Sizes& s, float* dweights) {
    int64_t slices = s.n < SLICES ? s.n : SLICES, blocks = ceil_div(s.out, int64_t(BLOCK));
    int64_t kernel = s.c * s.kernel_h * s.kernel_w, size = blocks * kernel * BLOCK;
    std::vector<float> sums(slices * size);
#pragma omp parallel for
    for (int64_t slice = 0; slice < slices; slice++) {
        std::vector<float> padded(s.c * (s.h + 2 * s.padding) * (s.w + 2 * s.padding));
        for (int64_t i = s.n * slice / slices; i < s.n * (slice + 1) / slices; i++) {
            pad(x + i * s.c * s.h * s.w, s, padded.data());
            add_picture(padded.data(), dy + i * blocks * s.out_h * s.out_w * BLOCK, s,
                        &sums[slice * size]);
        }
    }
    for (int64_t o = 0; o < s.out; o++)
        for (int64_t k = 0; k < kernel; k++) {
            double sum = 0;
            for (int64_t slice = 0; slice < slices; slice++)
                sum += sums[slice * size + (o / BLOCK * kernel + k) * BLOCK + o % BLOCK];
            dweights[o * kernel + k] = float(sum);
        }
}
