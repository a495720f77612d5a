// What a convolution is: its sizes, in the order in which kernels/convolution.py gives them.
#pragma once
#include "maps.h"
#include <algorithm>

struct Sizes {
    int64_t n, c, h, w;  // the source
    int64_t out, kernel_h, kernel_w, out_h, out_w, stride, padding, groups;
    int64_t plain;  // whether the source is a plain map, (n, c, h, w)

    static const Sizes& of(const int64_t* sizes) {
        return *reinterpret_cast<const Sizes*>(sizes);
    }
    bool operator<(const Sizes& other) const {
        return std::lexicographical_compare(&n, &plain + 1, &other.n, &other.plain + 1);
    }
};

static_assert(sizeof(Sizes) == 13 * sizeof(int64_t), "thirteen numbers, one after the other");
