// Maximum over windows of blocked maps, and its gradient.
#include "maps.h"
#include <cstring>
#include <limits>

namespace {

// The windows along one axis that hold a padded coordinate.
struct Range {
    int64_t first, last;

    Range(int64_t at, int64_t kernel, int64_t stride, int64_t count) {
        first = at < kernel ? 0 : (at - kernel) / stride + 1;
        last = at / stride < count - 1 ? at / stride : count - 1;
    }
};

}  // namespace

extern "C" {

// sizes: h, w, out h, out w, kernel, stride, padding. place: which pixel of the window it was.
void crossmodal_max_pool(const float* x, int64_t maps, const int64_t* sizes, float* y,
                         uint8_t* place) {
    int64_t h = sizes[0], w = sizes[1], oh = sizes[2], ow = sizes[3];
    int64_t kernel = sizes[4], stride = sizes[5], padding = sizes[6];
#pragma omp parallel for if (maps * h * w * BLOCK > FEW)
    for (int64_t i = 0; i < maps * oh; i++) {
        const float* map = x + i / oh * h * w * BLOCK;
        int64_t top = i % oh * stride - padding;
        for (int64_t o = 0; o < ow; o++) {
            int64_t left = o * stride - padding;
            float best[BLOCK];
            int32_t where[BLOCK] = {};  // as wide as a float: the lanes stay together
            for (int lane = 0; lane < BLOCK; lane++)
                best[lane] = -std::numeric_limits<float>::infinity();
            for (int64_t r = top < 0 ? -top : 0; r < kernel && top + r < h; r++)
                for (int64_t c = left < 0 ? -left : 0; c < kernel && left + c < w; c++) {
                    const float* pixel = map + ((top + r) * w + left + c) * BLOCK;
                    int32_t k = int32_t(r * kernel + c);
#pragma omp simd
                    for (int lane = 0; lane < BLOCK; lane++) {
                        float value = pixel[lane], known = best[lane];
                        bool more = (value > known) | (value != value);  // a NaN wins, and stays
                        best[lane] = more ? value : known;
                        where[lane] = more ? k : where[lane];
                    }
                }
            int64_t at = (i * ow + o) * BLOCK;
            for (int lane = 0; lane < BLOCK; lane++) {
                y[at + lane] = best[lane];
                place[at + lane] = uint8_t(where[lane]);
            }
        }
    }
}

// Every pixel collects from the windows that it lies in.
void crossmodal_max_pool_gradient(const float* dy, const uint8_t* place, int64_t maps,
                                  const int64_t* sizes, float* dx) {
    int64_t h = sizes[0], w = sizes[1], oh = sizes[2], ow = sizes[3];
    int64_t kernel = sizes[4], stride = sizes[5], padding = sizes[6];
#pragma omp parallel for if (maps * h * w * BLOCK > FEW)
    for (int64_t i = 0; i < maps; i++)
        for (int64_t row = 0; row < h; row++) {
            Range rows(row + padding, kernel, stride, oh);
            for (int64_t column = 0; column < w; column++) {
                Range columns(column + padding, kernel, stride, ow);
                float sum[BLOCK] = {};
                for (int64_t r = rows.first; r <= rows.last; r++)
                    for (int64_t c = columns.first; c <= columns.last; c++) {
                        int64_t at = ((i * oh + r) * ow + c) * BLOCK;
                        int32_t k = int32_t((row + padding - r * stride) * kernel
                            + column + padding - c * stride);
#pragma omp simd
                        for (int lane = 0; lane < BLOCK; lane++) {
                            float gradient = dy[at + lane];
                            sum[lane] += int32_t(place[at + lane]) == k ? gradient : 0.f;
                        }
                    }
                std::memcpy(dx + ((i * h + row) * w + column) * BLOCK, sum, sizeof(sum));
            }
        }
}

}  // extern "C"
