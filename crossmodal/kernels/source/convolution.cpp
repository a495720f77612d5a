// Convolutions and layout changes on blocked maps, by oneDNN. A primitive is made once for each
// geometry.
#include "maps.h"
#include <dnnl.hpp>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

using dnnl::memory;
using Tag = memory::format_tag;
using Key = std::vector<int64_t>;

namespace {

constexpr auto F32 = memory::data_type::f32;
constexpr Tag BLOCKED = BLOCK == 16 ? Tag::nChw16c : Tag::nChw8c;

dnnl::engine& cpu() {
    static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    return engine;
}

dnnl::stream& stream() {
    static dnnl::stream stream(cpu());
    return stream;
}

// sizes: n, c, h, w, out channels, kernel h, kernel w, out h, out w, stride, padding, groups, plain

// Whether Winograd's way (Lavin and Gray, CVPR 2016; tiles of 4 x 4 pixels, kernels of 3 x 3) takes
// less time than the plain one, both counted in operations of the latter. oneDNN's own choice is up
// to three times slower. The moves of tiles and weights were measured with 2 cores of an AMD EPYC.
bool winograd_pays(const int64_t* s) {
    if (BLOCK != 16 || s[5] != 3 || s[6] != 3 || s[9] != 1 || s[11] != 1 || s[12]) return false;
    double tiles = double(s[0]) * ceil_div(s[7], int64_t(4)) * ceil_div(s[8], int64_t(4));
    double in = double(s[1]), out = double(s[4]);
    double winograd = 72 * tiles * in * out + 1800 * tiles * (in + out) + 3300 * in * out;
    double plain = 18 * double(s[0]) * double(s[7]) * double(s[8]) * in * out;
    return winograd < 0.9 * plain;
}

struct Geometry {
    memory::desc source, target, any_weights, plain_weights, bias;
    memory::dims stride, padding;
    bool try_winograd;

    explicit Geometry(const int64_t* s) {
        int64_t groups = s[11];
        source = memory::desc({s[0], s[1], s[2], s[3]}, F32, s[12] ? Tag::nchw : BLOCKED);
        target = memory::desc({s[0], s[4], s[7], s[8]}, F32, BLOCKED);
        memory::dims kernel = groups > 1
            ? memory::dims{groups, s[4] / groups, s[1] / groups, s[5], s[6]}
            : memory::dims{s[4], s[1], s[5], s[6]};
        any_weights = memory::desc(kernel, F32, Tag::any);
        plain_weights = memory::desc(kernel, F32, groups > 1 ? Tag::goihw : Tag::oihw);
        bias = memory::desc({s[4]}, F32, Tag::x);
        stride = {s[9], s[9]};
        padding = {s[10], s[10]};
        try_winograd = winograd_pays(s);
    }

    // What `make` makes for the faster algorithm that oneDNN has here.
    template <class Make>
    auto fastest(Make make) const -> decltype(make(dnnl::algorithm::convolution_direct)) {
        if (try_winograd) try {
            return make(dnnl::algorithm::convolution_winograd);
        } catch (const dnnl::error&) {  // not on this processor, or not for these channels
        }
        return make(dnnl::algorithm::convolution_direct);
    }
};

// Weights as a primitive wants them live here for one call: operators run one after the other.
memory scratch(const memory::desc& desc) {
    static std::unique_ptr<char[]> space;
    static size_t size = 0, aligned = 64;
    if (desc.get_size() > size) {
        size = desc.get_size();
        space.reset(new char[size + aligned]);
    }
    size_t start = reinterpret_cast<size_t>(space.get());
    return memory(desc, cpu(), reinterpret_cast<void*>((start + aligned - 1) / aligned * aligned));
}

void copy(const float* from, int64_t count, float* to) {
#pragma omp parallel for simd if (parallel: count > FEW)
    for (int64_t i = 0; i < count; i++) to[i] = from[i];
}

struct Prepared {
    dnnl::primitive primitive;
    memory::desc plain_weights, weights;
    bool reads_residual;  // or adds to what the result's memory holds

    memory fill(const float* plain) const {
        memory from(plain_weights, cpu(), const_cast<float*>(plain)), to = scratch(weights);
        dnnl::reorder(from, to).execute(stream(), from, to);
        return to;
    }

    void empty(memory& from, float* plain) const {
        memory to(plain_weights, cpu(), plain);
        dnnl::reorder(from, to).execute(stream(), from, to);
        stream().wait();
    }
};

// How a shortcut comes in: not at all, read beside the result, or lying where the result goes.
enum class Residual { NONE, READ, IN_PLACE };

dnnl::primitive_attr attributes(const Geometry& g, Residual residual, int64_t activation) {
    dnnl::post_ops after;
    if (residual == Residual::READ) after.append_binary(dnnl::algorithm::binary_add, g.target);
    if (residual == Residual::IN_PLACE) after.append_sum();
    if (activation == RELU) after.append_eltwise(1.f, dnnl::algorithm::eltwise_relu, 0.f, 0.f);
    if (activation == RELU6) after.append_eltwise(1.f, dnnl::algorithm::eltwise_clip, 0.f, 6.f);
    dnnl::primitive_attr attributes;
    attributes.set_post_ops(after);
    return attributes;
}

using Forward = dnnl::convolution_forward::primitive_desc;
using BackwardData = dnnl::convolution_backward_data::primitive_desc;
using BackwardWeights = dnnl::convolution_backward_weights::primitive_desc;

Forward forward(const Geometry& g, bool bias, const dnnl::primitive_attr& attributes) {
    auto kind = dnnl::prop_kind::forward_training;
    return g.fastest([&](dnnl::algorithm method) -> Forward {
        if (bias)
            return {{kind, method, g.source, g.any_weights, g.bias, g.target, g.stride, g.padding,
                     g.padding}, attributes, cpu()};
        return {{kind, method, g.source, g.any_weights, g.target, g.stride, g.padding, g.padding},
                attributes, cpu()};
    });
}

// A shortcut is read, which spares a copy, unless that bars the fastest way to convolve.
Prepared prepare_forward(const Geometry& g, bool bias, bool residual, int64_t activation) {
    auto found = forward(g, bias, attributes(g, residual ? Residual::IN_PLACE : Residual::NONE,
                                             activation));
    bool reads = false;
    if (residual) {
        auto other = forward(g, bias, attributes(g, Residual::READ, activation));
        reads = !std::strcmp(other.impl_info_str(), found.impl_info_str());
        if (reads) found = other;
    }
    return {dnnl::convolution_forward(found), g.plain_weights, found.weights_desc(), reads};
}

Prepared prepare_data(const Geometry& g) {
    auto hint = forward(g, false, {});
    auto found = g.fastest([&](dnnl::algorithm method) -> BackwardData {
        return {{method, g.source, g.any_weights, g.target, g.stride, g.padding, g.padding}, cpu(),
                hint};
    });
    return {dnnl::convolution_backward_data(found), g.plain_weights, found.weights_desc(), false};
}

BackwardWeights backward_weights(const Geometry& g) {
    auto hint = forward(g, false, {});
    return g.fastest([&](dnnl::algorithm method) -> BackwardWeights {
        return {{method, g.source, g.any_weights, g.target, g.stride, g.padding, g.padding}, cpu(),
                hint};
    });
}

Prepared prepare_weights(const Geometry& g) {
    auto found = backward_weights(g);
    return {dnnl::convolution_backward_weights(found), g.plain_weights,
            found.diff_weights_desc(), false};
}

template <class Make>
Prepared& prepared(const char* what, const int64_t* sizes, Key more, Make make) {
    static std::map<std::pair<std::string, Key>, Prepared> known;
    more.insert(more.end(), sizes, sizes + 13);
    std::pair<std::string, Key> key(what, more);
    auto found = known.find(key);
    if (found == known.end()) found = known.emplace(key, make(Geometry(sizes))).first;
    return found->second;
}

// How many channels of a plain map to take at a time in the weight gradient. oneDNN has fast code
// for few of them only, which depends on the processor (AVX2: just three), and its other code is
// thousands of times slower.
int64_t fast_channels(const int64_t* sizes) {
    static std::map<Key, int64_t> known;
    Key key(sizes, sizes + 13);
    auto found = known.find(key);
    if (found != known.end()) return found->second;
    for (int64_t count : {sizes[1], int64_t(4), int64_t(3), int64_t(2), int64_t(1)}) {
        Key part = key;
        part[1] = count;
        std::string name = backward_weights(Geometry(part.data())).impl_info_str();
        if (name.find("ref") == std::string::npos) return known[key] = count;
    }
    return known[key] = sizes[1];
}

void by_channel_parts(const float* x, const float* dy, const int64_t* sizes, int64_t each,
                      float* dweights);

}  // namespace

extern "C" {

// y = activation(x * weights (+ bias) (+ residual)).
void crossmodal_convolution(const float* x, const float* weights, const float* bias,
                            const float* residual, const int64_t* sizes, int64_t activation,
                            float* y) {
    Geometry g(sizes);
    bool sum = residual, add = bias;
    Prepared& made = prepared("forward", sizes, {activation, add, sum}, [&](const Geometry& geometry) {
        return prepare_forward(geometry, add, sum, activation);
    });
    std::unordered_map<int, memory> arguments = {
        {DNNL_ARG_SRC, memory(g.source, cpu(), const_cast<float*>(x))},
        {DNNL_ARG_WEIGHTS, made.fill(weights)},
        {DNNL_ARG_DST, memory(g.target, cpu(), y)}};
    if (bias)
        arguments.insert({DNNL_ARG_BIAS, memory(g.bias, cpu(), const_cast<float*>(bias))});
    if (residual && made.reads_residual)
        arguments.insert({DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1,
                          memory(g.target, cpu(), const_cast<float*>(residual))});
    else if (residual)
        copy(residual, g.target.get_size() / sizeof(float), y);
    made.primitive.execute(stream(), arguments);
    stream().wait();
}

void crossmodal_convolution_data(const float* dy, const float* weights, const int64_t* sizes,
                                 float* dx) {
    Geometry g(sizes);
    Prepared& made = prepared("data", sizes, {}, prepare_data);
    made.primitive.execute(stream(), {
        {DNNL_ARG_DIFF_DST, memory(g.target, cpu(), const_cast<float*>(dy))},
        {DNNL_ARG_WEIGHTS, made.fill(weights)},
        {DNNL_ARG_DIFF_SRC, memory(g.source, cpu(), dx)}});
    stream().wait();
}

void crossmodal_convolution_weights(const float* x, const float* dy, const int64_t* sizes,
                                    float* dweights) {
    if (sizes[12] && sizes[11] == 1) {
        int64_t each = fast_channels(sizes);
        if (each != sizes[1]) {
            by_channel_parts(x, dy, sizes, each, dweights);
            return;
        }
    }
    Geometry g(sizes);
    Prepared& made = prepared("weights", sizes, {}, prepare_weights);
    memory found = scratch(made.weights);
    made.primitive.execute(stream(), {
        {DNNL_ARG_SRC, memory(g.source, cpu(), const_cast<float*>(x))},
        {DNNL_ARG_DIFF_DST, memory(g.target, cpu(), const_cast<float*>(dy))},
        {DNNL_ARG_DIFF_WEIGHTS, found}});
    made.empty(found, dweights);
}

// Plain (n, c, h, w) to blocked, or back.
void crossmodal_rearrange(const float* from, int64_t n, int64_t c, int64_t h, int64_t w,
                          int64_t to_blocked, float* to) {
    memory plain({{n, c, h, w}, F32, Tag::nchw}, cpu(), const_cast<float*>(to_blocked ? from : to));
    memory blocked({{n, c, h, w}, F32, BLOCKED}, cpu(), const_cast<float*>(to_blocked ? to : from));
    memory &source = to_blocked ? plain : blocked, &target = to_blocked ? blocked : plain;
    dnnl::reorder(source, target).execute(stream(), source, target);
    stream().wait();
}

}  // extern "C"

namespace {

// The weight gradient of a plain map, so many of its channels at a time; the last ones are filled up
// with zeros.
void by_channel_parts(const float* x, const float* dy, const int64_t* sizes, int64_t each,
                      float* dweights) {
    int64_t n = sizes[0], c = sizes[1], pixels = sizes[2] * sizes[3];
    int64_t out = sizes[4], window = sizes[5] * sizes[6];
    Key of_part(sizes, sizes + 13);
    of_part[1] = each;
    std::vector<float> gradient(out * each * window);
    for (int64_t first = 0; first < c; first += each) {
        int64_t count = c - first < each ? c - first : each;
        std::vector<float> part(n * each * pixels);
        for (int64_t i = 0; i < n; i++)
            std::memcpy(&part[i * each * pixels], x + (i * c + first) * pixels,
                        count * pixels * sizeof(float));
        crossmodal_convolution_weights(part.data(), dy, of_part.data(), gradient.data());
        for (int64_t o = 0; o < out; o++)
            std::memcpy(dweights + (o * c + first) * window, &gradient[o * each * window],
                        count * window * sizeof(float));
    }
}

}  // namespace
