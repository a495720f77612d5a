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

// Tiles of 4 x 4 pixels that oneDNN takes at once: a divisor of their number.
int64_t tiles_at_once(int64_t tiles) {
    for (int64_t count = 30; count > 1; count--)
        if (tiles % count == 0) return count;
    return 1;
}

// Whether Winograd's way (Lavin and Gray, CVPR 2016; kernels of 3 x 3) takes less time than the
// plain one, both counted in operations of the latter. oneDNN's own choice is up to three times
// slower. What moving tiles and weights costs was measured on 2 cores of an AMD EPYC.
bool winograd_pays(const int64_t* s) {
    if (BLOCK != 16 || s[5] != 3 || s[6] != 3 || s[9] != 1 || s[11] != 1 || s[12]) return false;
    int64_t tiles = s[0] * ceil_div(s[7], int64_t(4)) * ceil_div(s[8], int64_t(4));
    double in = double(s[1]), out = double(s[4]), count = double(tiles);
    double winograd = 72 * count * in * out + 1800 * count * (in + out) + 3300 * in * out;
    double plain = 18 * double(s[0]) * double(s[7]) * double(s[8]) * in * out;
    return winograd < 0.9 * plain && tiles_at_once(tiles) >= 8;
}

constexpr size_t MOST_SCRATCH = size_t(1) << 30;  // bytes that Winograd's way may take besides

// A primitive's memory besides its arguments is given with each call (see Scratch): oneDNN's own
// belongs to the thread that made the primitive.
dnnl::primitive_attr attributes_with(const dnnl::post_ops& after) {
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    attributes.set_post_ops(after);
    return attributes;
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
            auto found = make(dnnl::algorithm::convolution_winograd);
            if (found.scratchpad_desc().get_size() <= MOST_SCRATCH) return found;
        } catch (const dnnl::error& error) {
            if (error.status != dnnl_unimplemented) throw;  // that is: not on this processor
        }
        return make(dnnl::algorithm::convolution_direct);
    }
};

// Memory that lives here for one call, since operators run one after the other: for weights as a
// primitive wants them, and for what it needs besides.
struct Scratch {
    memory of(const memory::desc& desc) {
        if (desc.get_size() > size) {
            size = desc.get_size();
            space.reset(new char[size + ALIGNED]);
        }
        size_t start = reinterpret_cast<size_t>(space.get());
        start = (start + ALIGNED - 1) / ALIGNED * ALIGNED;
        return memory(desc, cpu(), reinterpret_cast<void*>(start));
    }

private:
    static constexpr size_t ALIGNED = 64;
    std::unique_ptr<char[]> space;
    size_t size = 0;
};

Scratch weights_scratch, primitive_scratch;

void copy(const float* from, int64_t count, float* to) {
#pragma omp parallel for simd if (parallel: count > FEW)
    for (int64_t i = 0; i < count; i++) to[i] = from[i];
}

struct Prepared {
    dnnl::primitive primitive;
    memory::desc plain_weights, weights, besides;
    bool reads_residual = false;  // else it adds to what the result's memory holds

    memory fill(const float* plain) const {
        memory from(plain_weights, cpu(), const_cast<float*>(plain));
        memory to = weights_scratch.of(weights);
        dnnl::reorder(from, to).execute(stream(), from, to);
        return to;
    }

    void empty(memory& from, float* plain) const {
        memory to(plain_weights, cpu(), plain);
        dnnl::reorder(from, to).execute(stream(), from, to);
        stream().wait();
    }

    void execute(std::unordered_map<int, memory> arguments) const {
        arguments.insert({DNNL_ARG_SCRATCHPAD, primitive_scratch.of(besides)});
        primitive.execute(stream(), arguments);
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
    return attributes_with(after);
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
    auto way = residual ? Residual::IN_PLACE : Residual::NONE;
    Forward found = forward(g, bias, attributes(g, way, activation));
    bool reads = false;
    if (residual) try {
        Forward reading = forward(g, bias, attributes(g, Residual::READ, activation));
        reads = !std::strcmp(reading.impl_info_str(), found.impl_info_str());
        if (reads) found = reading;
    } catch (const dnnl::error& error) {
        if (error.status != dnnl_unimplemented) throw;
    }
    return {dnnl::convolution_forward(found), g.plain_weights, found.weights_desc(),
            found.scratchpad_desc(), reads};
}

Forward hint(const Geometry& g) { return forward(g, false, attributes_with({})); }

Prepared prepare_data(const Geometry& g) {
    auto found = g.fastest([&](dnnl::algorithm method) -> BackwardData {
        return {{method, g.source, g.any_weights, g.target, g.stride, g.padding, g.padding},
                attributes_with({}), cpu(), hint(g)};
    });
    return {dnnl::convolution_backward_data(found), g.plain_weights, found.weights_desc(),
            found.scratchpad_desc()};
}

BackwardWeights backward_weights(const Geometry& g) {
    return g.fastest([&](dnnl::algorithm method) -> BackwardWeights {
        return {{method, g.source, g.any_weights, g.target, g.stride, g.padding, g.padding},
                attributes_with({}), cpu(), hint(g)};
    });
}

Prepared prepare_weights(const Geometry& g) {
    auto found = backward_weights(g);
    return {dnnl::convolution_backward_weights(found), g.plain_weights,
            found.diff_weights_desc(), found.scratchpad_desc()};
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
    made.execute(arguments);
}

void crossmodal_convolution_data(const float* dy, const float* weights, const int64_t* sizes,
                                 float* dx) {
    Geometry g(sizes);
    Prepared& made = prepared("data", sizes, {}, prepare_data);
    made.execute({{DNNL_ARG_DIFF_DST, memory(g.target, cpu(), const_cast<float*>(dy))},
                  {DNNL_ARG_WEIGHTS, made.fill(weights)},
                  {DNNL_ARG_DIFF_SRC, memory(g.source, cpu(), dx)}});
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
    memory found = weights_scratch.of(made.weights);
    made.execute({{DNNL_ARG_SRC, memory(g.source, cpu(), const_cast<float*>(x))},
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
