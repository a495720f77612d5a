// The CUB of CUDA 13 has dropped two iterators that Jittor's where operator uses. Thrust has them.
#pragma once
#include_next <cub/cub.cuh>
#include <thrust/iterator/counting_iterator.h>
#include <thrust/iterator/transform_iterator.h>

namespace cub {
template <typename Value>
using CountingInputIterator = thrust::counting_iterator<Value>;
template <typename Value, typename Function, typename Iterator>
using TransformInputIterator = thrust::transform_iterator<Function, Iterator, Value>;
}  // namespace cub
