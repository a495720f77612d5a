// Convolutions and layout changes on blocked maps: by Winograd's algorithm where it pays, else by
// oneDNN, whose primitives are made once for each convolution.
// The weight gradient of pictures is our own code, too.
//
// oneDNN has code that is thousands of times slower than the rest, its reference implementation,
// and falls back to it without a word. It is never used here: `in_fastest_layout` looks for
// another layout first, and where there is none says that oneDNN cannot do it.
#include "first_layer.h"
#include "winograd.h"
#include <dnnl.hpp>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

using dnnl::memory;
using Tag = memory::format_tag;

namespace {

constexpr auto F32 = memory::data_type::f32;
constexpr Tag BLOCKED = BLOCK == 16 ? Tag::nChw16c : Tag::nChw8c;
constexpr auto DIRECT = dnnl::algorithm::convolution_direct;

dnnl::engine& cpu() {
    static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    return engine;
}

dnnl::stream& stream() {
    static dnnl::stream stream(cpu());
    return stream;
}

// A primitive's memory besides its arguments is given with each call (see Scratch): oneDNN's own
// belongs to the thread that made the primitive.
dnnl::primitive_attr attributes_with(const dnnl::post_ops& after) {
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    attributes.set_post_ops(after);
    return attributes;
}

// How source and target may lie: as they come, as oneDNN likes them best, with the channels of a
// pixel side by side, or plain.
enum Layout { GIVEN, LIKED, CHANNELS_LAST, PLAIN };

// A convolution with its source and target in one of the layouts.
struct Geometry {
    memory::desc source, target, weights, plain_weights, bias;
    memory::dims stride, padding;

    Geometry(const Sizes& s, Layout layout)
        : bias({s.out}, F32, Tag::x), stride{s.stride, s.stride}, padding{s.padding, s.padding} {
        Tag free = layout == LIKED ? Tag::any : layout == CHANNELS_LAST ? Tag::nhwc : Tag::nchw;
        source = {{s.n, s.c, s.h, s.w}, F32, layout || s.plain ? free : BLOCKED};
        target = {{s.n, s.out, s.out_h, s.out_w}, F32, layout ? free : BLOCKED};
        memory::dims kernel = {s.out / s.groups, s.c / s.groups, s.kernel_h, s.kernel_w};
        if (s.groups > 1) kernel.insert(kernel.begin(), s.groups);
        weights = {kernel, F32, Tag::any};
        plain_weights = {kernel, F32, s.groups > 1 ? Tag::goihw : Tag::oihw};
    }
};

// A primitive's description, null where oneDNN has no fast code, and the layout that it is for.
template <class Description>
struct Found {
    std::unique_ptr<Description> made;
    Layout layout = GIVEN;
};

// The first primitive that is no reference implementation, layout by layout, from `make(geometry)`. Every primitive of ours is chosen here. Where oneDNN convolves by
// matrix products, plain maps go before those it likes, for which it turns the weights slowly.
template <class Make>
auto in_fastest_layout(const Sizes& sizes, Make make)
    -> Found<decltype(make(Geometry(sizes, GIVEN), GIVEN))> {
    using Description = decltype(make(Geometry(sizes, GIVEN), GIVEN));
    for (auto choice : {std::make_pair(GIVEN, "ref"), std::make_pair(LIKED, "gemm"),
                        std::make_pair(CHANNELS_LAST, "gemm"), std::make_pair(PLAIN, "ref"),
                        std::make_pair(LIKED, "ref")}) try {
        std::unique_ptr<Description> made(
            new Description(make(Geometry(sizes, choice.first), choice.first)));
        const char* name = made->impl_info_str();
        if (!std::strstr(name, "ref") && !std::strstr(name, choice.second))
            return {std::move(made), choice.first};
    } catch (const dnnl::error& error) {
        if (error.status != dnnl_unimplemented) throw;  // that is: not on this processor
    }
    return {};
}

using Forward = dnnl::convolution_forward::primitive_desc;
using BackwardData = dnnl::convolution_backward_data::primitive_desc;
using BackwardWeights = dnnl::convolution_backward_weights::primitive_desc;

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

Forward forward(const Geometry& g, bool bias, const dnnl::primitive_attr& attributes) {
    auto kind = dnnl::prop_kind::forward_training;
    if (bias)
        return {{kind, DIRECT, g.source, g.weights, g.bias, g.target, g.stride, g.padding,
                 g.padding}, attributes, cpu()};
    return {{kind, DIRECT, g.source, g.weights, g.target, g.stride, g.padding, g.padding},
            attributes, cpu()};
}

// What follows a convolution: in the given layout the primitive does it, in others `finish`.
struct After {
    bool bias, residual;
    int64_t activation;

    bool operator<(const After& other) const {
        return std::tie(bias, residual, activation)
            < std::tie(other.bias, other.residual, other.activation);
    }
};

Found<Forward> find_forward(const Sizes& sizes, After after) {
    return in_fastest_layout(sizes, [&](const Geometry& g, Layout layout) {
        if (layout != GIVEN) return forward(g, after.bias, attributes_with({}));
        auto way = after.residual ? Residual::IN_PLACE : Residual::NONE;
        return forward(g, after.bias, attributes(g, way, after.activation));
    });
}

Found<BackwardData> find_data(const Sizes& sizes) {
    return in_fastest_layout(sizes, [](const Geometry& g, Layout) -> BackwardData {
        return {{DIRECT, g.source, g.weights, g.target, g.stride, g.padding, g.padding},
                attributes_with({}), cpu(), forward(g, false, attributes_with({}))};
    });
}

Found<BackwardWeights> find_weights(const Sizes& sizes) {
    return in_fastest_layout(sizes, [](const Geometry& g, Layout) -> BackwardWeights {
        return {{DIRECT, g.source, g.weights, g.target, g.stride, g.padding, g.padding},
                attributes_with({}), cpu(), forward(g, false, attributes_with({}))};
    });
}

// Memory that lives here for one call, since operators run one after the other.
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

Scratch source_scratch, target_scratch, weights_scratch, primitive_scratch;

void rearrange(memory& from, memory& to) {
    dnnl::reorder(from, to).execute(stream(), from, to);
    stream().wait();
}

memory wrapped(const memory::desc& desc, const float* values) {
    return memory(desc, cpu(), const_cast<float*>(values));
}

// A primitive, and its arguments as it wants them and as they come.
struct Prepared {
    dnnl::primitive primitive;
    memory::desc source, target, weights, besides;
    Geometry given;
    bool reads_residual, finishes;

    template <class Primitive, class Description>
    static Prepared of(const Sizes& sizes, const Description& made, const memory::desc& source,
                       const memory::desc& weights, const memory::desc& target) {
        return {Primitive(made), source, target, weights, made.scratchpad_desc(),
                Geometry(sizes, GIVEN), false, false};
    }

    // An argument to read, rearranged if need be.
    memory read(const memory::desc& comes, const float* values, const memory::desc& wanted,
                Scratch& scratch) const {
        memory there = wrapped(comes, values);
        if (comes == wanted) return there;
        memory fitting = scratch.of(wanted);
        rearrange(there, fitting);
        return fitting;
    }

    // A result's memory, which `deliver` puts where it belongs.
    memory result(const memory::desc& goes, float* values, const memory::desc& wanted,
                  Scratch& scratch) const {
        return goes == wanted ? wrapped(goes, values) : scratch.of(wanted);
    }

    void deliver(memory& found, const memory::desc& goes, float* values) const {
        if (found.get_data_handle() == values) return;
        memory there = wrapped(goes, values);
        rearrange(found, there);
    }

    void execute(std::unordered_map<int, memory> arguments) const {
        arguments.insert({DNNL_ARG_SCRATCHPAD, primitive_scratch.of(besides)});
        primitive.execute(stream(), arguments);
        stream().wait();
    }
};

// A shortcut is read, which spares a copy, unless that bars the fastest way to convolve.
Prepared prepare_forward(const Sizes& sizes, After after) {
    auto fastest = find_forward(sizes, after);
    auto& made = fastest.made;
    if (!made) throw std::runtime_error("oneDNN has no fast convolution for these sizes");
    Geometry given(sizes, GIVEN);
    bool reads = false, finishes = fastest.layout != GIVEN;
    if (after.residual && !finishes) try {
        Forward reading =
            forward(given, after.bias, attributes(given, Residual::READ, after.activation));
        reads = !std::strcmp(reading.impl_info_str(), made->impl_info_str());
        if (reads) *made = reading;
    } catch (const dnnl::error& error) {
        if (error.status != dnnl_unimplemented) throw;
    }
    auto found = Prepared::of<dnnl::convolution_forward>(
        sizes, *made, made->src_desc(), made->weights_desc(), made->dst_desc());
    found.reads_residual = reads;
    found.finishes = finishes;
    return found;
}

Prepared prepare_data(const Sizes& sizes) {
    auto made = find_data(sizes).made;
    if (!made) throw std::runtime_error("oneDNN has no fast gradient for these sizes");
    return Prepared::of<dnnl::convolution_backward_data>(
        sizes, *made, made->diff_src_desc(), made->weights_desc(), made->diff_dst_desc());
}

Prepared prepare_weights(const Sizes& sizes) {
    auto made = find_weights(sizes).made;
    if (!made) throw std::runtime_error("oneDNN has no fast weight gradient for these sizes");
    return Prepared::of<dnnl::convolution_backward_weights>(
        sizes, *made, made->src_desc(), made->diff_weights_desc(), made->diff_dst_desc());
}

// Whether its weight gradient is ours to compute: oneDNN's code for pictures takes some only.
bool is_first_layer(const Sizes& s) {
    return s.plain && s.groups == 1 && s.kernel_w <= WIDEST_KERNEL;
}

// What `make` makes, kept under its key.
template <class Key, class Make>
const Prepared& kept(std::map<Key, Prepared>& known, const Key& key, Make make) {
    auto found = known.find(key);
    return found != known.end() ? found->second : known.emplace(key, make()).first->second;
}

// y = activation(y + residual), where the primitive could not do it.
void finish(const float* residual, int64_t activation, int64_t count, float* y) {
#pragma omp parallel for simd if (parallel: count > FEW)
    for (int64_t i = 0; i < count; i++)
        y[i] = activate(residual ? y[i] + residual[i] : y[i], activation);
}

void copy(const float* from, int64_t count, float* to) {
#pragma omp parallel for simd if (parallel: count > FEW)
    for (int64_t i = 0; i < count; i++) to[i] = from[i];
}

// What `crossmodal_convolution_way` answers of a primitive.
template <class Description>
int64_t told(const Found<Description>& found, char* name, int64_t length) {
    std::snprintf(name, length, "%s", found.made ? found.made->impl_info_str() : "none");
    return !found.made ? 0 : found.layout == GIVEN ? 1 : 2;
}

}  // namespace

extern "C" {

// How a convolution (direction 0), its gradient towards the source (1) or the weights (2) would be
// computed: 0 not at all, 1 on the maps as they come, 2 on maps rearranged for it. name: by which
// code, so many letters at the most.
int64_t crossmodal_convolution_way(int64_t direction, const int64_t* sizes, char* name,
                                   int64_t length) {
    const Sizes& s = Sizes::of(sizes);
    bool ours = winograd_pays(s);
    if (ours || (direction == 2 && is_first_layer(s))) {
        std::snprintf(name, length, ours ? "winograd" : "first layer");
        return 1;
    }
    if (direction == 0) return told(find_forward(s, {false, false, IDENTITY}), name, length);
    if (direction == 1) return told(find_data(s), name, length);
    return told(find_weights(s), name, length);
}

// y = activation(x * weights (+ bias) (+ residual)).
void crossmodal_convolution(const float* x, const float* weights, const float* bias,
                            const float* residual, const int64_t* sizes, int64_t activation,
                            float* y) {
    const Sizes& s = Sizes::of(sizes);
    if (winograd_pays(s)) {
        winograd_forward(x, weights, bias, residual, s, activation, y);
        return;
    }
    static std::map<std::pair<Sizes, After>, Prepared> known;
    After after = {bias != nullptr, residual != nullptr, activation};
    const Prepared& made = kept(known, std::make_pair(s, after),
                                [&] { return prepare_forward(s, after); });
    memory target = made.result(made.given.target, y, made.target, target_scratch);
    std::unordered_map<int, memory> arguments = {
        {DNNL_ARG_SRC, made.read(made.given.source, x, made.source, source_scratch)},
        {DNNL_ARG_WEIGHTS, made.read(made.given.plain_weights, weights, made.weights,
                                     weights_scratch)},
        {DNNL_ARG_DST, target}};
    int64_t count = made.given.target.get_size() / sizeof(float);
    if (bias) arguments.insert({DNNL_ARG_BIAS, wrapped(made.given.bias, bias)});
    if (made.reads_residual)
        arguments.insert({DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1,
                          wrapped(made.given.target, residual)});
    else if (residual && !made.finishes)
        copy(residual, count, y);
    made.execute(arguments);
    made.deliver(target, made.given.target, y);
    if (made.finishes) finish(residual, activation, count, y);
}

void crossmodal_convolution_data(const float* dy, const float* weights, const int64_t* sizes,
                                 float* dx) {
    const Sizes& s = Sizes::of(sizes);
    if (winograd_pays(s)) {
        winograd_data(dy, weights, s, dx);
        return;
    }
    static std::map<Sizes, Prepared> known;
    const Prepared& made = kept(known, s, [&] { return prepare_data(s); });
    memory found = made.result(made.given.source, dx, made.source, source_scratch);
    made.execute({{DNNL_ARG_DIFF_DST,
                   made.read(made.given.target, dy, made.target, target_scratch)},
                  {DNNL_ARG_WEIGHTS, made.read(made.given.plain_weights, weights, made.weights,
                                               weights_scratch)},
                  {DNNL_ARG_DIFF_SRC, found}});
    made.deliver(found, made.given.source, dx);
}

void crossmodal_convolution_weights(const float* x, const float* dy, const int64_t* sizes,
                                    float* dweights) {
    const Sizes& s = Sizes::of(sizes);
    if (winograd_pays(s)) {
        winograd_weights(x, dy, s, dweights);
        return;
    }
    if (is_first_layer(s)) {
        first_layer_weights(x, dy, s, dweights);
        return;
    }
    static std::map<Sizes, Prepared> known;
    const Prepared& made = kept(known, s, [&] { return prepare_weights(s); });
    memory found = made.result(made.given.plain_weights, dweights, made.weights, weights_scratch);
    made.execute({{DNNL_ARG_SRC, made.read(made.given.source, x, made.source, source_scratch)},
                  {DNNL_ARG_DIFF_DST,
                   made.read(made.given.target, dy, made.target, target_scratch)},
                  {DNNL_ARG_DIFF_WEIGHTS, found}});
    made.deliver(found, made.given.plain_weights, dweights);
}

// Plain (n, c, h, w) to blocked, or back.
void crossmodal_rearrange(const float* from, int64_t n, int64_t c, int64_t h, int64_t w,
                          int64_t to_blocked, float* to) {
    memory plain = wrapped({{n, c, h, w}, F32, Tag::nchw}, to_blocked ? from : to);
    memory blocked = wrapped({{n, c, h, w}, F32, BLOCKED}, to_blocked ? to : from);
    if (to_blocked) rearrange(plain, blocked);
    else rearrange(blocked, plain);
}

}  // extern "C"
