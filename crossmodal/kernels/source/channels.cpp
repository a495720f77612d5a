// Per-channel passes over blocked maps: batch normalisation, its gradient, pooling over space.
// Work is cut by picture and channel group; sums are joined in a fixed order, so that the result
// does not depend on the number of threads.
#include "maps.h"
#include <cmath>
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

// Joins partial[n][group] over the n of each part through `put(part * channels + c, first, second)`.
template <class Put>
void join(const std::vector<Sums>& partial, int64_t n, int64_t parts, int64_t groups,
          int64_t channels, Put put) {
    for (int64_t part = 0; part < parts; part++)
        for (int64_t c = 0; c < channels; c++) {
            double first = 0, second = 0;
            for (int64_t i = part * (n / parts); i < (part + 1) * (n / parts); i++) {
                first += partial[i * groups + c / BLOCK].first[c % BLOCK];
                second += partial[i * groups + c / BLOCK].second[c % BLOCK];
            }
            put(part * channels + c, first, second);
        }
}

// The vector's entries of one group, zero beyond its end.
inline void lanes(const float* vector, int64_t channels, int64_t group, float* out) {
    for (int lane = 0; lane < BLOCK; lane++) {
        int64_t c = group * BLOCK + lane;
        out[lane] = c < channels ? vector[c] : 0.f;
    }
}

// A normalisation: statistics of every part's channels, weight and bias of every channel.
struct Norm {
    const float *mean, *variance, *weight, *bias;
    float eps;
    int64_t n, parts, groups, channels;

    // Of map i of (n, groups): its entries of a vector for all parts, and of one for each.
    void shared(const float* vector, int64_t i, float* out) const {
        lanes(vector, channels, i % groups, out);
    }
    void own(const float* vectors, int64_t i, float* out) const {
        shared(vectors + i / groups / (n / parts) * channels, i, out);
    }
};

// What it does to one map: x * scale + shift.
struct Scaling {
    float mean[BLOCK], inverse[BLOCK], scale[BLOCK], shift[BLOCK];

    Scaling(const Norm& norm, int64_t i) {
        norm.own(norm.mean, i, mean);
        norm.own(norm.variance, i, inverse);
        norm.shared(norm.weight, i, scale);
        norm.shared(norm.bias, i, shift);
        for (int lane = 0; lane < BLOCK; lane++) {
            inverse[lane] = 1.f / std::sqrt(inverse[lane] + norm.eps);
            scale[lane] *= inverse[lane];
            shift[lane] -= mean[lane] * scale[lane];
        }
    }
};

template <int ACTIVATION>
void normalise(const float* x, const float* residual, const Scaling by, int64_t pixels, float* y) {
    for (int64_t i = 0; i < pixels; i++)
#pragma omp simd
        for (int lane = 0; lane < BLOCK; lane++) {
            int64_t at = i * BLOCK + lane;
            float value = x[at] * by.scale[lane] + by.shift[lane];
            if (residual) value += residual[at];
            y[at] = activate(value, ACTIVATION);
        }
}

// What a map's gradient needs of one channel group; y may be null.
struct Group {
    const float *x, *y, *dy;
    Scaling by;

    // The gradient that passed the activation. Where y is not at hand, what went into the
    // activation says the same: x * scale + shift, computed as in `normalise`.
    template <int ACTIVATION, bool HAS_Y>
    float passed_on(int64_t at, int lane) const {
        float gradient = dy[at];
        if (ACTIVATION == IDENTITY) return gradient;
        float given = HAS_Y ? y[at] : x[at] * by.scale[lane] + by.shift[lane];
        return pass(given, gradient, ACTIVATION);
    }
};

// dx = scale * g + b + c * x.
template <int ACTIVATION, bool HAS_Y>
void normalise_gradient(const Group map, const float* b, const float* c, int64_t pixels, float* dx,
                        float* passed) {
    for (int64_t i = 0; i < pixels; i++)
#pragma omp simd
        for (int lane = 0; lane < BLOCK; lane++) {
            int64_t at = i * BLOCK + lane;
            float g = map.passed_on<ACTIVATION, HAS_Y>(at, lane);
            dx[at] = map.by.scale[lane] * g + b[lane] + c[lane] * map.x[at];
            if (passed) passed[at] = g;
        }
}

template <int ACTIVATION, bool HAS_Y>
void normalise_sums(const Group map, int64_t pixels, Sums& sums) {
    add_pixels(pixels, sums, [=](int64_t p, int lane, float& a, float& b) {
        int64_t at = p * BLOCK + lane;
        float g = map.passed_on<ACTIVATION, HAS_Y>(at, lane);
        a += g;
        b += g * ((map.x[at] - map.by.mean[lane]) * map.by.inverse[lane]);
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

// A batch of n pictures may be `parts` batches, one after the other: each has its own statistics,
// which are (parts, channels) here.

// Mean and biased variance of every channel of x (n, groups, pixels, BLOCK).
// Squares are taken of the distance from the channel's first value: a mean far from zero would
// drown them.
void crossmodal_moments(const float* x, int64_t n, int64_t parts, int64_t groups, int64_t pixels,
                        int64_t channels, float* mean, float* variance) {
    std::vector<Sums> partial(n * groups);
    int64_t each = n / parts;
    auto first = [=](int64_t part, int64_t group) {  // pixel of a part's group
        return x + (part * each * groups + group) * pixels * BLOCK;
    };
#pragma omp parallel for if (n * groups * pixels * BLOCK > FEW)
    for (int64_t i = 0; i < n * groups; i++) {
        const float *map = x + i * pixels * BLOCK, *origin = first(i / groups / each, i % groups);
        add_pixels(pixels, partial[i], [map, origin](int64_t p, int lane, float& a, float& b) {
            float away = map[p * BLOCK + lane] - origin[lane];
            a += away;
            b += away * away;
        });
    }
    double count = double(each) * pixels;
    join(partial, n, parts, groups, channels, [&](int64_t at, double sum, double squares) {
        double apart = sum / count, found = squares / count - apart * apart;
        int64_t c = at % channels;
        mean[at] = float(apart + first(at / channels, c / BLOCK)[c % BLOCK]);
        variance[at] = float(found < 0 ? 0 : found);
    });
}

// Running statistics a share of the way towards those of each part, one after the other; count:
// values of a part's channel.
void crossmodal_follow(const float* mean, const float* variance, const float* running_mean,
                       const float* running_variance, int64_t parts, int64_t channels,
                       double momentum, int64_t count, float* new_mean, float* new_variance) {
    float share = float(momentum), unbiased = float(double(count) / (count > 1 ? count - 1 : 1));
    for (int64_t c = 0; c < channels; c++) {
        float m = running_mean[c], v = running_variance[c];
        for (int64_t at = c; at < parts * channels; at += channels) {
            m += (mean[at] - m) * share;
            v += (variance[at] * unbiased - v) * share;
        }
        new_mean[c] = m;
        new_variance[c] = v;
    }
}

// y = activation(weight * (x - mean) / sqrt(variance + eps) + bias (+ residual)).
void crossmodal_normalise(const float* x, const float* residual, const float* mean,
                          const float* variance, const float* weight, const float* bias,
                          double eps, int64_t n, int64_t parts, int64_t groups, int64_t pixels,
                          int64_t channels, int64_t activation, float* y) {
    Norm norm = {mean, variance, weight, bias, float(eps), n, parts, groups, channels};
#pragma omp parallel for if (n * groups * pixels * BLOCK > FEW)
    for (int64_t i = 0; i < n * groups; i++) {
        Scaling by(norm, i);
        int64_t start = i * pixels * BLOCK;
        const float* r = residual ? residual + start : nullptr;
#define CALL(ACTIVATION) normalise<ACTIVATION>(x + start, r, by, pixels, y + start)
        BY_ACTIVATION(CALL)
#undef CALL
    }
}

// Sums over a channel of g and of g * (x - mean) / sqrt(variance + eps), which are the gradients of
// bias and weight; g is dy where the activation let it pass, by y where that is not null, as after
// a shortcut it must be.
void crossmodal_normalise_sums(const float* x, const float* y, const float* dy, const float* mean,
                               const float* variance, const float* weight, const float* bias,
                               double eps, int64_t n, int64_t parts, int64_t groups,
                               int64_t pixels, int64_t channels, int64_t activation, float* dbias,
                               float* dweight) {
    Norm norm = {mean, variance, weight, bias, float(eps), n, parts, groups, channels};
    std::vector<Sums> partial(n * groups);
#pragma omp parallel for if (n * groups * pixels * BLOCK > FEW)
    for (int64_t i = 0; i < n * groups; i++) {
        int64_t start = i * pixels * BLOCK;
        Group map = {x + start, y ? y + start : nullptr, dy + start, Scaling(norm, i)};
#define CALL(ACTIVATION)                                                    \
    y ? normalise_sums<ACTIVATION, true>(map, pixels, partial[i])           \
      : normalise_sums<ACTIVATION, false>(map, pixels, partial[i])
        BY_ACTIVATION(CALL)
#undef CALL
    }
    join(partial, n, parts, groups, channels, [&](int64_t at, double first, double second) {
        dbias[at] = float(first);
        dweight[at] = float(second);
    });
}

// The gradient of x, and g where `passed` is not null; the sums are those above.
void crossmodal_normalise_gradient(const float* x, const float* y, const float* dy,
                                   const float* mean, const float* variance, const float* weight,
                                   const float* bias, const float* dbias, const float* dweight,
                                   double eps, int64_t n, int64_t parts, int64_t groups,
                                   int64_t pixels, int64_t channels, int64_t activation, float* dx,
                                   float* passed) {
    Norm norm = {mean, variance, weight, bias, float(eps), n, parts, groups, channels};
    float count = float(n / parts * pixels);
#pragma omp parallel for if (n * groups * pixels * BLOCK > FEW)
    for (int64_t i = 0; i < n * groups; i++) {
        int64_t start = i * pixels * BLOCK;
        Group map = {x + start, y ? y + start : nullptr, dy + start, Scaling(norm, i)};
        float b[BLOCK], c[BLOCK];
        norm.own(dbias, i, b);
        norm.own(dweight, i, c);
        for (int lane = 0; lane < BLOCK; lane++) {
            c[lane] = -map.by.scale[lane] * map.by.inverse[lane] * (c[lane] / count);
            b[lane] = -map.by.scale[lane] * (b[lane] / count) - c[lane] * map.by.mean[lane];
        }
        float* g = passed ? passed + start : nullptr;
#define CALL(ACTIVATION)                                                          \
    y ? normalise_gradient<ACTIVATION, true>(map, b, c, pixels, dx + start, g)    \
      : normalise_gradient<ACTIVATION, false>(map, b, c, pixels, dx + start, g)
        BY_ACTIVATION(CALL)
#undef CALL
    }
}

// The same where nobody asks for g.
void crossmodal_normalise_gradient_alone(const float* x, const float* y, const float* dy,
                                         const float* mean, const float* variance,
                                         const float* weight, const float* bias,
                                         const float* dbias, const float* dweight, double eps,
                                         int64_t n, int64_t parts, int64_t groups,
                                         int64_t pixels, int64_t channels, int64_t activation,
                                         float* dx) {
    crossmodal_normalise_gradient(x, y, dy, mean, variance, weight, bias, dbias, dweight, eps, n,
                                  parts, groups, pixels, channels, activation, dx, nullptr);
}

// g = dy where y let it pass; out (channels): the sums of g.
void crossmodal_pass(const float* y, const float* dy, int64_t n, int64_t groups, int64_t pixels,
                     int64_t channels, int64_t activation, float* g, float* out) {
    std::vector<Sums> partial(n * groups);
#pragma omp parallel for if (n * groups * pixels * BLOCK > FEW)
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
    join(partial, n, 1, groups, channels,
         [&](int64_t c, double sum, double) { out[c] = float(sum); });
}

// out (n, channels): means over the pixels.
void crossmodal_mean(const float* x, int64_t n, int64_t groups, int64_t pixels, int64_t channels,
                     float* out) {
#pragma omp parallel for if (n * groups * pixels * BLOCK > FEW)
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
#pragma omp parallel for if (n * groups * pixels * BLOCK > FEW)
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
