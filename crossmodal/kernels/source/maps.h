// Blocked feature maps: channels in groups of BLOCK side by side, (N, C / BLOCK, H, W, BLOCK).
// oneDNN computes on maps stored like this without rearranging them; channels that fill up the last
// group are zero everywhere.
#pragma once
#include <cstdint>

#ifndef BLOCK
#error "compile with -DBLOCK=8 or 16, the floats of a vector register"
#endif

// Up to so many values, one thread passes over a map alone: waking the others, which sleep between
// operators, would take as long (40 microseconds, 2 cores of an AMD EPYC).
constexpr int64_t FEW = 1 << 17;

// As kernels/convolution.py counts them.
enum Activation { IDENTITY = 0, RELU = 1, RELU6 = 2 };

template <class T>
inline T ceil_div(T a, T b) { return (a + b - 1) / b; }

// A NaN stays one: behind a network that is broken inside, the loss must not look whole.
inline float activate(float x, int64_t activation) {
    if (activation == IDENTITY) return x;
    float low = x < 0 ? 0.f : x;
    return activation == RELU6 && low > 6 ? 6.f : low;
}

// The gradient that passes the activation that gave, or was given, y. Without branches.
inline float pass(float y, float gradient, int64_t activation) {
    if (activation == IDENTITY) return gradient;
    bool open = activation == RELU ? y > 0 : (y > 0) & (y < 6);
    return open ? gradient : 0.f;
}
