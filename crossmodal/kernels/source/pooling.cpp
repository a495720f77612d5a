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
#pragma omp parallel for
    for (int64_t i = 0; i < maps; i++) {
        const float* map = x + i * h * w * BLOCK;
        for (int64_t o = 0; o < oh * ow; o++) {
            float best[BLOCK];
            uint8_t where[BLOCK] = {};
            for (int lane = 0; lane < BLOCK; lane++)
                best[lane] = -std::numeric_limits<float>::infinity();
            for (int64_t k = 0; k < kernel * kernel; k++) {
                int64_t row = o / ow * stride - padding + k / kernel;
                int64_t column = o % ow * stride - padding + k % kernel;
                if (row < 0 || row >= h || column < 0 || column >= w) continue;
                const float* pixel = map + (row * w + column) * BLOCK;
                for (int lane = 0; lane < BLOCK; lane++) {
                    bool more = !(pixel[lane] <= best[lane]);  // a NaN wins
                    best[lane] = more ? pixel[lane] : best[lane];
                    where[lane] = more ? uint8_t(k) : where[lane];
                }
            }
            std::memcpy(y + (i * oh * ow + o) * BLOCK, best, sizeof(best));
            std::memcpy(place + (i * oh * ow + o) * BLOCK, where, sizeof(where));
        }
    }
}

// Every pixel collects from the windows that it lies in.
void crossmodal_max_pool_gradient(const float* dy, const uint8_t* place, int64_t maps,
                                  const int64_t* sizes, float* dx) {
    int64_t h = sizes[0], w = sizes[1], oh = sizes[2], ow = sizes[3];
    int64_t kernel = sizes[4], stride = sizes[5], padding = sizes[6];
#pragma omp parallel for
    for (int64_t i = 0; i < maps; i++)
        for (int64_t row = 0; row < h; row++) {
            Range rows(row + padding, kernel, stride, oh);
            for (int64_t column = 0; column < w; column++) {
                Range columns(column + padding, kernel, stride, ow);
                float sum[BLOCK] = {};
                for (int64_t r = rows.first; r <= rows.last; r++)
                    for (int64_t c = columns.first; c <= columns.last; c++) {
                        int64_t at = ((i * oh + r) * ow + c) * BLOCK;
                        uint8_t k = (row + padding - r * stride) * kernel
                            + column + padding - c * stride;
                        for (int lane = 0; lane < BLOCK; lane++)
                            sum[lane] += place[at + lane] == k ? dy[at + lane] : 0.f;
                    }
                std::memcpy(dx + ((i * h + row) * w + column) * BLOCK, sum, sizeof(sum));
            }
        }
}

}  // extern "C"
