// Passes over all elements of an array.
#include "maps.h"
#include <cmath>

extern "C" {

// sum = a + b.
void crossmodal_add(const float* a, const float* b, int64_t count, float* sum) {
#pragma omp parallel for simd if (parallel: count > FEW)
    for (int64_t i = 0; i < count; i++) sum[i] = a[i] + b[i];
}

// One step of Adam: new values, first and second moments; shrink is taken off the values (AdamW).
void crossmodal_adam(const float* value, const float* first, const float* second,
                     const float* gradient, int64_t count, double beta1, double beta2, double size,
                     double eps, double shrink, float* new_value, float* new_first,
                     float* new_second) {
    float b1 = float(beta1), b2 = float(beta2), a1 = float(1 - beta1), a2 = float(1 - beta2);
    float step = float(size), e = float(eps), keep = float(1 - shrink);
#pragma omp parallel for simd if (parallel: count > FEW)
    for (int64_t i = 0; i < count; i++) {
        float g = gradient[i], m = b1 * first[i] + a1 * g, v = b2 * second[i] + a2 * g * g;
        new_first[i] = m;
        new_second[i] = v;
        new_value[i] = keep * value[i] - step * m / (std::sqrt(v) + e);
    }
}

}  // extern "C"
