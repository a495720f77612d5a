// cuDNN 9 has dropped the recurrent calls of cuDNN 7, and Jittor's recurrent operators do not
// compile without them. Here every one of them answers that it is not supported; no network of
// this project is recurrent.
#pragma once
#if defined(__cplusplus) && CUDNN_MAJOR >= 9
#define CROSSMODAL_DROPPED(name)                  \
    template <typename... Arguments>              \
    inline cudnnStatus_t name(Arguments...) {     \
        return CUDNN_STATUS_NOT_SUPPORTED;        \
    }
CROSSMODAL_DROPPED(cudnnSetRNNDescriptor_v6)
CROSSMODAL_DROPPED(cudnnGetRNNParamsSize)
CROSSMODAL_DROPPED(cudnnGetRNNWorkspaceSize)
CROSSMODAL_DROPPED(cudnnGetRNNTrainingReserveSize)
CROSSMODAL_DROPPED(cudnnGetRNNLinLayerMatrixParams)
CROSSMODAL_DROPPED(cudnnGetRNNLinLayerBiasParams)
CROSSMODAL_DROPPED(cudnnRNNForwardInference)
CROSSMODAL_DROPPED(cudnnRNNForwardTraining)
CROSSMODAL_DROPPED(cudnnRNNBackwardData)
CROSSMODAL_DROPPED(cudnnRNNBackwardWeights)
#undef CROSSMODAL_DROPPED
#endif
