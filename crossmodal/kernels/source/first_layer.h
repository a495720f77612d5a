// The weight gradient of a convolution of pictures, which have few channels.
#pragma once
#include "sizes.h"

constexpr int64_t WIDEST_KERNEL = 7;

// dweights (out, c, kernel h, kernel w) of x, a plain map, in one group and at most WIDEST_KERNEL
// wide.
void first_layer_weights(const float* x, const float* dy, const Sizes& sizes, float* dweights);
