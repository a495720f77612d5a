// CUDA 13 has no cudaDeviceProp::computeMode and no clockRate. Jittor's helper_cuda.h uses them in
// helpers that nothing calls, between #ifdef __CUDA_RUNTIME_H__ and its #endif: hide those.
#ifdef __CUDA_RUNTIME_H__
#undef __CUDA_RUNTIME_H__
#include_next <helper_cuda.h>
#define __CUDA_RUNTIME_H__
#else
#include_next <helper_cuda.h>
#endif
