// Per-channel passes over blocked maps: batch normalisation, its gradient, pooling over space.
// Work is cut by picture and channel group; sums are joined in a fixed order, so that the result
// does not depend on the number of threads.
#include "maps.h"
#include <vector>

namespace {

constexpr int64_t CHUNK = 128;  // pixels summed in single precision before they join the double sum
constexpr int UNROLL = 4;  // pixels in flight

struct Sums { double first[BLOCK], second[BLOCK]; };

// Sums over pixels of what `term(pixel, lane, a, b)` gives, for each lane. UNROLL pixels at
// a time into sums of their own: an addition need not wait for the one before.
template <class Term>
inline void add_pixels(int64_t pixels, Sums& sums, Term term) {
    for (int lane = 0; lane < BLOCK; lane++) sums.first[lane] = sums.second[lane] = 0;
    for (int64_t start = 0; start < pixels; start += CHUNK) {
        int64_t end = start + CHUNK < pixels ? start + CHUNK : pixels, p = start;
        float first[UNROLL][BLOCK] = {}, second[UNROLL][BLOCK] = {};
        for (; p + UNROLL <= end; p += UNROLL)
            for (int u = 0; u < UNROLL; u++)
#pragma omp simd
                for (int lane = 0; lane < BLOCK; lane++)
                    term(p + u, lane, first[u][lane], second[u][lane]);
        for (; p < end; p++)
            for (int lane = 0; lane < BLOCK; lane++) term(p, lane, first[0][lane], second[0][lane]);
        for (int u = 0; u < UNROLL; u++)
            for (int lane = 0; lane < BLOCK; lane++) {
                sums.first[lane] += first[u][lane];
                sums.second[lane] += second[u][lane];
            }
    }
}

// Joins partial[n][group] over n into (2, channels) through `put(channel, first, second)`.
template <class Put>
void join(const std::vector<Sums>& partial, int64_t n, int64_t groups, int64_t channels, Put put) {
    for (int64_t c = 0; c < channels; c++) {
        double first = 0, second = 0;
        for (int64_t i = 0; i < n; i++) {
            first += partial[i * groups + c / BLOCK].first[c % BLOCK];
            second += partial[i * groups + c / BLOCK].second[c % BLOCK];
        }
        put(c, first, second);
    }
}

// The vector's entries of one group, zero beyond its end.
inline void lanes(const float* vector, int64_t channels, int64_t group, float* out) {
    for (int lane = 0; lane < BLOCK; lane++) {
        int64_t c = group * BLOCK + lane;
        out[lane] = vector && c < channels ? vector[c] : 0.f;
    }
}

template <int ACTIVATION>
void affine(const float* x, const float* residual, const float* scale, const float* shift,
            int64_t pixels, float* y) {
    for (int64_t i = 0; i < pixels; i++)
#pragma omp simd
        for (int lane = 0; lane < BLOCK; lane++) {
            int64_t at = i * BLOCK + lane;
            float value = x[at] * scale[lane] + shift[lane];
            if (residual) value += residual[at];
            y[at] = activate(value, ACTIVATION);
        }
}

// What a map's gradient needs of one channel group; y may be null.
struct Group {
    const float *x, *y, *dy;
    float scale[BLOCK], shift[BLOCK];

    // The gradient that passed the activation. Where y is not at hand, what went into the
    // activation says the same: x * scale + shift, computed as in `affine`.
    template <int ACTIVATION, bool HAS_Y>
    float passed_on(int64_t at, int lane) const {
        float gradient = dy[at];
        if (ACTIVATION == IDENTITY) return gradient;
        return pass(HAS_Y ? y[at] : x[at] * scale[lane] + shift[lane], gradient, ACTIVATION);
    }
};

Group group_of(const float* x, const float* y, const float* dy, const float* scale,
               const float* shift, int64_t channels, int64_t group, int64_t start) {
    Group map = {x + start, y ? y + start : nullptr, dy + start, {}, {}};
    lanes(scale, channels, group, map.scale);
    lanes(shift, channels, group, map.shift);
    return map;
}

template <int ACTIVATION, bool HAS_Y>
void affine_gradient(const Group map, const float* b, const float* c, int64_t pixels, float* dx,
                     float* passed) {
    for (int64_t i = 0; i < pixels; i++)
#pragma omp simd
        for (int lane = 0; lane < BLOCK; lane++) {
            int64_t at = i * BLOCK + lane;
            float g = map.passed_on<ACTIVATION, HAS_Y>(at, lane);
            dx[at] = map.scale[lane] * g + b[lane] + c[lane] * map.x[at];
            if (passed) passed[at] = g;
        }
}

template <int ACTIVATION, bool HAS_Y>
void affine_sums(const Group map, const float* mean, const float* inverse, int64_t pixels,
                 Sums& sums) {
    add_pixels(pixels, sums, [=](int64_t p, int lane, float& a, float& b) {
        int64_t at = p * BLOCK + lane;
        float g = map.passed_on<ACTIVATION, HAS_Y>(at, lane);
        a += g;
        b += g * ((map.x[at] - mean[lane]) * inverse[lane]);
    });
}

template <int ACTIVATION>
void masked(const float* y, const float* dy, int64_t values, float* g) {
    for (int64_t i = 0; i < values; i++) g[i] = pass(y[i], dy[i], ACTIVATION);
}

}  // namespace

#define BY_ACTIVATION(CALL)                                             \
    switch (activation) {                                               \
        case RELU: CALL(RELU); break;                                   \
        case RELU6: CALL(RELU6); break;                                 \
        default: CALL(IDENTITY);                                        \
    }

extern "C" {

// out (2, channels): mean and biased variance of every channel of x (n, groups, pixels, BLOCK).
// Squares are taken of the distance from the channel's first value: a mean far from zero would
// drown them.
void crossmodal_moments(const float* x, int64_t n, int64_t groups, int64_t pixels,
                        int64_t channels, float* out) {
    std::vector<Sums> partial(n * groups);
#pragma omp parallel for
    for (int64_t i = 0; i < n * groups; i++) {
        const float *map = x + i * pixels * BLOCK, *origin = x + i % groups * pixels * BLOCK;
        add_pixels(pixels, partial[i], [map, origin](int64_t p, int lane, float& a, float& b) {
            float away = map[p * BLOCK + lane] - origin[lane];
            a += away;
            b += away * away;
        });
    }
    double count = double(n) * pixels;
    join(partial, n, groups, channels, [&](int64_t c, double sum, double squares) {
        double mean = sum / count, variance = squares / count - mean * mean;
        out[c] = float(mean + x[c / BLOCK * pixels * BLOCK + c % BLOCK]);
        out[channels + c] = float(variance < 0 ? 0 : variance);
    });
}

// y = activation(x * scale + shift (+ residual)).
void crossmodal_affine(const float* x, const float* residual, const float* scale,
                       const float* shift, int64_t n, int64_t groups, int64_t pixels,
                       int64_t channels, int64_t activation, float* y) {
#pragma omp parallel for
    for (int64_t i = 0; i < n * groups; i++) {
        float s[BLOCK], t[BLOCK];
        lanes(scale, channels, i % groups, s);
        lanes(shift, channels, i % groups, t);
        int64_t start = i * pixels * BLOCK;
        const float* r = residual ? residual + start : nullptr;
#define CALL(ACTIVATION) affine<ACTIVATION>(x + start, r, s, t, pixels, y + start)
        BY_ACTIVATION(CALL)
#undef CALL
    }
}

// out (2, channels): sums of g and of g * (x - mean) * inverse, with g = dy where the activation
// of x * scale + shift let it pass; by y where that is not null, as after a shortcut it must be.
void crossmodal_affine_sums(const float* x, const float* y, const float* dy, const float* scale,
                            const float* shift, const float* mean, const float* inverse, int64_t n,
                            int64_t groups, int64_t pixels, int64_t channels, int64_t activation,
                            float* out) {
    std::vector<Sums> partial(n * groups);
#pragma omp parallel for
    for (int64_t i = 0; i < n * groups; i++) {
        float m[BLOCK], v[BLOCK];
        lanes(mean, channels, i % groups, m);
        lanes(inverse, channels, i % groups, v);
        Group map = group_of(x, y, dy, scale, shift, channels, i % groups, i * pixels * BLOCK);
#define CALL(ACTIVATION)                                                          \
    y ? affine_sums<ACTIVATION, true>(map, m, v, pixels, partial[i])              \
      : affine_sums<ACTIVATION, false>(map, m, v, pixels, partial[i])
        BY_ACTIVATION(CALL)
#undef CALL
    }
    join(partial, n, groups, channels, [&](int64_t c, double first, double second) {
        out[c] = float(first);
        out[channels + c] = float(second);
    });
}

// dx = scale * g + b + c * x, with that g; and g itself, where `passed` is not null.
void crossmodal_affine_gradient(const float* x, const float* y, const float* dy, const float* scale,
                                const float* shift, const float* b, const float* c, int64_t n,
                                int64_t groups, int64_t pixels, int64_t channels,
                                int64_t activation, float* dx, float* passed) {
#pragma omp parallel for
    for (int64_t i = 0; i < n * groups; i++) {
        float bs[BLOCK], cs[BLOCK];
        lanes(b, channels, i % groups, bs);
        lanes(c, channels, i % groups, cs);
        int64_t start = i * pixels * BLOCK;
        Group map = group_of(x, y, dy, scale, shift, channels, i % groups, start);
        float* g = passed ? passed + start : nullptr;
#define CALL(ACTIVATION)                                                              \
    y ? affine_gradient<ACTIVATION, true>(map, bs, cs, pixels, dx + start, g)         \
      : affine_gradient<ACTIVATION, false>(map, bs, cs, pixels, dx + start, g)
        BY_ACTIVATION(CALL)
#undef CALL
    }
}

// The same where nobody asks for g.
void crossmodal_affine_gradient_alone(const float* x, const float* y, const float* dy,
                                      const float* scale, const float* shift, const float* b,
                                      const float* c, int64_t n, int64_t groups, int64_t pixels,
                                      int64_t channels, int64_t activation, float* dx) {
    crossmodal_affine_gradient(x, y, dy, scale, shift, b, c, n, groups, pixels, channels,
                               activation, dx, nullptr);
}

// g = dy where y let it pass; out (channels): the sums of g.
void crossmodal_pass(const float* y, const float* dy, int64_t n, int64_t groups, int64_t pixels,
                     int64_t channels, int64_t activation, float* g, float* out) {
    std::vector<Sums> partial(n * groups);
#pragma omp parallel for
    for (int64_t i = 0; i < n * groups; i++) {
        int64_t start = i * pixels * BLOCK;
#define CALL(ACTIVATION) masked<ACTIVATION>(y + start, dy + start, pixels * BLOCK, g + start)
        BY_ACTIVATION(CALL)
#undef CALL
        const float* map = g + start;
        add_pixels(pixels, partial[i], [map](int64_t p, int lane, float& a, float& b) {
            a += map[p * BLOCK + lane];
        });
    }
    join(partial, n, groups, channels, [&](int64_t c, double sum, double) { out[c] = float(sum); });
}

// out (n, channels): means over the pixels.
void crossmodal_mean(const float* x, int64_t n, int64_t groups, int64_t pixels, int64_t channels,
                     float* out) {
#pragma omp parallel for
    for (int64_t i = 0; i < n * groups; i++) {
        Sums sums;
        const float* map = x + i * pixels * BLOCK;
        add_pixels(pixels, sums, [map](int64_t p, int lane, float& a, float& b) {
            a += map[p * BLOCK + lane];
        });
        for (int lane = 0; lane < BLOCK; lane++) {
            int64_t c = i % groups * BLOCK + lane;
            if (c < channels) out[i / groups * channels + c] = float(sums.first[lane] / pixels);
        }
    }
}

// dx: every pixel of a channel gets its share of dout (n, channels).
void crossmodal_mean_gradient(const float* dout, int64_t n, int64_t groups, int64_t pixels,
                              int64_t channels, float* dx) {
#pragma omp parallel for
    for (int64_t i = 0; i < n * groups; i++) {
        float share[BLOCK];
        lanes(dout + i / groups * channels, channels, i % groups, share);
        for (int lane = 0; lane < BLOCK; lane++) share[lane] /= pixels;
        for (int64_t p = 0; p < pixels; p++)
            for (int lane = 0; lane < BLOCK; lane++)
                dx[(i * pixels + p) * BLOCK + lane] = share[lane];
    }
}

}  // extern "C"
