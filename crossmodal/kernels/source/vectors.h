// A vector register of BLOCK floats, and loads and stores of it at any address.
#pragma once
#include "maps.h"

typedef float Vec __attribute__((vector_size(BLOCK * sizeof(float))));
typedef float LooseVec __attribute__((vector_size(BLOCK * sizeof(float)), aligned(4), may_alias));

inline Vec load(const float* from) { return *reinterpret_cast<const LooseVec*>(from); }
inline void store(float* to, Vec value) { *reinterpret_cast<LooseVec*>(to) = value; }
