// Convolutions of 3 x 3 with stride 1 by Winograd's algorithm, on blocked maps.
#pragma once
#include "sizes.h"

// Whether it takes less time than the plain way, in all three directions; else it may not be called.
bool winograd_pays(const Sizes& sizes);

// y = activation(x * weights (+ bias) (+ residual)); bias and residual may be null.
void winograd_forward(const float* x, const float* weights, const float* bias,
                      const float* residual, const Sizes& sizes, int64_t activation, float* y);
void winograd_data(const float* dy, const float* weights, const Sizes& sizes, float* dx);
void winograd_weights(const float* x, const float* dy, const Sizes& sizes, float* dweights);
