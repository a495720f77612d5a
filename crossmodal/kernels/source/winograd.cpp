// Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016: F(4 x 4, 3 x 3).
//
// A tile of 6 x 6 pixels becomes 36 frequencies; at each of them the convolution is a product of
// matrices (tiles x channels) (channels x out channels), and 36 products become a tile of 4 x 4
// pixels: 36 multiplications where the plain way takes 144. The points of the transforms are
// 0, +-A, +-B and infinity; A and B are exact in binary, and keep the error small (Barabasz et al.,
// "Error analysis and improving the accuracy of Winograd convolution", ACM TOMS 2020).
#include "winograd.h"
#include "team.h"
#include "vectors.h"
#include <algorithm>
#include <memory>

namespace {

constexpr int TILE = 4, SIDE = 6, FREQUENCIES = SIDE * SIDE, KERNEL = 3;
constexpr float A = 0.625f, B = 1.5f;
constexpr float A2 = A * A, B2 = B * B, A3 = A2 * A, B3 = B2 * B;
// The kernel's values at the points are divided by these.
constexpr float AT_ZERO = 1 / (A2 * B2), AT_A = 1 / (2 * A2 * (A2 - B2)),
    AT_B = 1 / (2 * B2 * (B2 - A2));

// Rows (tiles) and vectors (out channels) that a product keeps in registers at a time, and input
// channels after which it puts them down, so that the weights of a step stay in the first cache.
constexpr int ROWS = BLOCK == 16 ? 14 : 6, VECTORS = 2, GROUP = VECTORS * BLOCK,
    DEPTH = BLOCK == 16 ? 128 : 256;
// Floats that a cache holds: tiles of one thread, of all, of a weight gradient; weights of a thread
// that has tiles of its own.
constexpr int64_t OWN_CHUNK = int64_t(1) << 16, JOINT_CHUNK = int64_t(1) << 22,
    WEIGHTS_CHUNK = int64_t(1) << 19, FEW_WEIGHTS = int64_t(1) << 20;
constexpr int64_t AT_ONCE = 128 / GROUP;  // groups whose weights are computed together

// Values at A, -A, B and -B, from the even and the odd part at A and at B.
inline void at_points(Vec even, Vec odd, Vec even2, Vec odd2, Vec* out, int step) {
    out[step] = even + odd;
    out[2 * step] = even - odd;
    out[3 * step] = even2 + odd2;
    out[4 * step] = even2 - odd2;
}

// Each transform along one axis: of pixels, of a gradient's pixels, of a kernel; and back.
struct OfPixels {
    static constexpr int SIZE = SIDE;
    static inline void along(const Vec* d, Vec* out, int step) {
        Vec d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step],
            d5 = d[5 * step];
        Vec even = d4 - B2 * d2, odd = A * (d3 - B2 * d1);
        Vec even2 = d4 - A2 * d2, odd2 = B * (d3 - A2 * d1);
        out[0] = A2 * B2 * d0 - (A2 + B2) * d2 + d4;
        at_points(even, odd, even2, odd2, out, step);
        out[5 * step] = A2 * B2 * d1 - (A2 + B2) * d3 + d5;
    }
};

struct OfGradient {
    static constexpr int SIZE = TILE;
    static inline void along(const Vec* d, Vec* out, int step) {
        Vec d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step];
        Vec even = d0 + A2 * d2, odd = A * d1 + A3 * d3;
        Vec even2 = d0 + B2 * d2, odd2 = B * d1 + B3 * d3;
        out[0] = d0;
        at_points(even, odd, even2, odd2, out, step);
        out[5 * step] = d3;
    }
};

struct OfKernel {
    static constexpr int SIZE = KERNEL;
    static inline void along(const Vec* g, Vec* out, int step) {
        Vec g0 = g[0], g1 = g[step], g2 = g[2 * step];
        Vec even = AT_A * (g0 + A2 * g2), odd = (AT_A * A) * g1;
        Vec even2 = AT_B * (g0 + B2 * g2), odd2 = (AT_B * B) * g1;
        out[0] = AT_ZERO * g0;
        at_points(even, odd, even2, odd2, out, step);
        out[5 * step] = g2;
    }
};

struct ToPixels {
    static constexpr int SIZE = TILE;
    static inline void along(const Vec* m, Vec* out, int step) {
        Vec p = m[step] + m[2 * step], q = m[step] - m[2 * step];
        Vec r = m[3 * step] + m[4 * step], s = m[3 * step] - m[4 * step];
        out[0] = m[0] + p + r;
        out[step] = A * q + B * s;
        out[2 * step] = A2 * p + B2 * r;
        out[3 * step] = A3 * q + B3 * s + m[5 * step];
    }
};

struct ToKernel {
    static constexpr int SIZE = KERNEL;
    static inline void along(const Vec* m, Vec* out, int step) {
        Vec p = AT_A * (m[step] + m[2 * step]), q = (AT_A * A) * (m[step] - m[2 * step]);
        Vec r = AT_B * (m[3 * step] + m[4 * step]), s = (AT_B * B) * (m[3 * step] - m[4 * step]);
        out[0] = AT_ZERO * m[0] + p + r;
        out[step] = q + s;
        out[2 * step] = A2 * p + B2 * r + m[5 * step];
    }
};

// Along both axes of a square of 6 x 6 of which SIZE x SIZE are filled, or asked for.
template <class Transform>
inline void forth(Vec* square) {
#pragma GCC unroll 6
    for (int i = 0; i < Transform::SIZE; i++) Transform::along(square + i, square + i, SIDE);
#pragma GCC unroll 6
    for (int i = 0; i < SIDE; i++) Transform::along(square + i * SIDE, square + i * SIDE, 1);
}

template <class Transform>
inline void back(Vec* square) {
#pragma GCC unroll 6
    for (int i = 0; i < SIDE; i++) Transform::along(square + i, square + i, SIDE);
#pragma GCC unroll 6
    for (int i = 0; i < Transform::SIZE; i++)
        Transform::along(square + i * SIDE, square + i * SIDE, 1);
}

// A square to and from memory, where its frequencies lie so far apart.
inline void spread(const Vec* square, float* to, int64_t apart) {
#pragma GCC unroll 36
    for (int f = 0; f < FREQUENCIES; f++) store(to + f * apart, square[f]);
}

inline void gather(const float* from, int64_t apart, Vec* square) {
#pragma GCC unroll 36
    for (int f = 0; f < FREQUENCIES; f++) square[f] = load(from + f * apart);
}

// A blocked map seen as tiles; `margin` pixels before the first, zeros outside of it.
struct Tiles {
    int64_t n, blocks, h, w, rows, columns, margin;

    // A tile's picture and the row and column of its first pixel, for `use`.
    template <class Use>
    void at(int64_t tile, Use use) const {
        int64_t picture = tile / (rows * columns), place = tile % (rows * columns);
        use(picture, place / columns * TILE - margin, place % columns * TILE - margin);
    }

    // The SIZE x SIZE pixels of one tile and block into the square.
    template <int SIZE>
    inline void read(const float* map, int64_t block, int64_t tile, Vec* square) const {
        at(tile, [&](int64_t picture, int64_t top, int64_t left) {
            const float* from = map + ((picture * blocks + block) * h * w + top * w + left) * BLOCK;
            if (top >= 0 && left >= 0 && top + SIZE <= h && left + SIZE <= w) {
#pragma GCC unroll 6
                for (int i = 0; i < SIZE; i++)
#pragma GCC unroll 6
                    for (int j = 0; j < SIZE; j++)
                        square[i * SIDE + j] = load(from + (i * w + j) * BLOCK);
                return;
            }
            for (int i = 0; i < SIZE; i++)
                for (int j = 0; j < SIZE; j++) {
                    bool there = top + i >= 0 && top + i < h && left + j >= 0 && left + j < w;
                    square[i * SIDE + j] = there ? load(from + (i * w + j) * BLOCK) : Vec{};
                }
        });
    }
};

// What a stage of the algorithm computes on: frequencies of a chunk of tiles, as
// (frequency, block, tile, BLOCK). One vector more between frequencies, as a cache keeps few lines
// whose addresses differ by a power of two.
struct Spectrum {
    float* values;
    int64_t tiles, apart;

    static int64_t size(int64_t blocks, int64_t tiles) {
        return FREQUENCIES * (blocks * tiles + 1) * BLOCK;
    }
    Spectrum(float* space, int64_t blocks, int64_t chunk)
        : values(space), tiles(chunk), apart((blocks * chunk + 1) * BLOCK) {}

    float* at(int64_t frequency, int64_t block, int64_t tile) const {
        return values + frequency * apart + (block * tiles + tile) * BLOCK;
    }
};

// Tiles first to first + count of a map, as frequencies.
template <class Transform>
void analyse(const Tiles& tiles, const float* map, int64_t first, int64_t count, const Team& team,
             Transform, const Spectrum& spectrum) {
    team.share(tiles.blocks * count, [&](int64_t item) {
        int64_t block = item / count, tile = item % count;
        Vec square[FREQUENCIES];
        tiles.read<Transform::SIZE>(map, block, first + tile, square);
        forth<Transform>(square);
        spread(square, spectrum.at(0, block, tile), spectrum.apart);
    });
}

// Weights (out, in, 3, 3). Turned: those of the gradient towards the source, where in and out change
// places.
struct Weights {
    const float* plain;
    int64_t in, out;
    bool turned;

    int64_t depth() const { return ceil_div(in, int64_t(BLOCK)) * BLOCK; }
    int64_t groups() const { return ceil_div(out, int64_t(GROUP)); }
    int64_t apart() const { return (depth() + 1) * GROUP; }
    int64_t size() const { return FREQUENCIES * apart(); }  // of one group's frequencies

    float value(int64_t o, int64_t i, int k) const {
        if (o >= out || i >= in) return 0;
        return turned ? plain[(i * out + o) * KERNEL * KERNEL + KERNEL * KERNEL - 1 - k]
                      : plain[(o * in + i) * KERNEL * KERNEL + k];
    }

    // Frequencies (frequency, in, GROUP) of a group of out channels.
    void analyse(int64_t group, float* spectrum) const {
        for (int64_t i = 0; i < depth(); i++) {
            float kernels[KERNEL * KERNEL][GROUP];
            for (int lane = 0; lane < GROUP; lane++)
                for (int k = 0; k < KERNEL * KERNEL; k++)
                    kernels[k][lane] = value(group * GROUP + lane, i, k);
            for (int v = 0; v < VECTORS; v++) {
                Vec square[FREQUENCIES];
                for (int k = 0; k < KERNEL * KERNEL; k++)
                    square[k / KERNEL * SIDE + k % KERNEL] = load(kernels[k] + v * BLOCK);
                forth<OfKernel>(square);
                spread(square, spectrum + i * GROUP + v * BLOCK, apart());
            }
        }
    }
};

// out[vector][row] (+)= sum over depth of in[depth][row] * weights[depth][vector]: `in` are blocks
// of rows, so that depth k of row r lies at (k / BLOCK) * block_apart + r * BLOCK + k % BLOCK.
template <int R>
void product(const float* in, int64_t block_apart, const float* weights, int64_t depth, bool more,
             float* out, int64_t vector_apart) {
    Vec sum[R][VECTORS];
    for (int r = 0; r < R; r++)
        for (int v = 0; v < VECTORS; v++)
            sum[r][v] = more ? load(out + v * vector_apart + r * BLOCK) : Vec{};
    for (int64_t block = 0; block < depth; block += BLOCK, in += block_apart)
        for (int k = 0; k < BLOCK; k++, weights += VECTORS * BLOCK) {
            Vec w[VECTORS];
            for (int v = 0; v < VECTORS; v++) w[v] = load(weights + v * BLOCK);
#pragma GCC unroll 16
            for (int r = 0; r < R; r++) {
                float value = in[r * BLOCK + k];
                for (int v = 0; v < VECTORS; v++) sum[r][v] += w[v] * value;
            }
        }
    for (int r = 0; r < R; r++)
        for (int v = 0; v < VECTORS; v++) store(out + v * vector_apart + r * BLOCK, sum[r][v]);
}

using Product = decltype(&product<1>);
constexpr Product PRODUCTS[] = {
    nullptr, product<1>, product<2>, product<3>, product<4>, product<5>, product<6>,
#if BLOCK == 16
    product<7>, product<8>, product<9>, product<10>, product<11>, product<12>, product<13>,
    product<14>,
#endif
};

// So many rows (tiles), as groups of equal size that registers hold.
struct RowGroups {
    int64_t rows, count, each;

    explicit RowGroups(int64_t rows) : rows(rows), count(ceil_div(rows, int64_t(ROWS))),
                                    each(ceil_div(rows, count)) {}
    int64_t padded() const { return count * each; }
};

// Frequencies of all tiles and of so many groups of out channels.
void multiply(const Spectrum& in, const float* weights, const Weights& shape, int64_t groups,
              const RowGroups& rows, const Spectrum& out) {
    for (int f = 0; f < FREQUENCIES; f++)
        for (int64_t group = 0; group < groups; group++)
            for (int64_t k = 0; k < shape.depth(); k += DEPTH)
                for (int64_t g = 0; g < rows.count; g++)
                    PRODUCTS[rows.each](
                        in.at(f, k / BLOCK, g * rows.each), in.tiles * BLOCK,
                        weights + group * shape.size() + f * shape.apart() + k * GROUP,
                        std::min(shape.depth() - k, int64_t(DEPTH)), k > 0,
                        out.at(f, group * VECTORS, g * rows.each), out.tiles * BLOCK);
}

// What follows a convolution.
struct After {
    const float *bias, *residual;
    int64_t activation, channels;
};

// Frequencies of one block and of tiles first to first + count, as pixels of a map.
void synthesise(const Spectrum& spectrum, int64_t vector, const Tiles& tiles, int64_t block,
                int64_t first, int64_t count, const After& after, float* map) {
    Vec bias = {};
    if (after.bias)
        for (int64_t lane = 0; lane < BLOCK && block * BLOCK + lane < after.channels; lane++)
            bias[lane] = after.bias[block * BLOCK + lane];
    for (int64_t tile = 0; tile < count; tile++) {
        Vec square[FREQUENCIES];
        gather(spectrum.at(0, vector, tile), spectrum.apart, square);
        back<ToPixels>(square);
        tiles.at(first + tile, [&](int64_t picture, int64_t top, int64_t left) {
            int64_t at = ((picture * tiles.blocks + block) * tiles.h + top) * tiles.w + left;
            for (int64_t i = 0; i < TILE && top + i < tiles.h; i++)
                for (int64_t j = 0; j < TILE && left + j < tiles.w; j++) {
                    int64_t to = (at + i * tiles.w + j) * BLOCK;
                    Vec value = square[i * SIDE + j] + bias;
                    if (after.residual) value += load(after.residual + to);
                    if (after.activation != IDENTITY) value = value < 0 ? Vec{} : value;
                    if (after.activation == RELU6) value = value > 6 ? Vec{} + 6 : value;
                    store(map + to, value);
                }
        });
    }
}

// Memory that stays for the next call, since operators run one after the other.
float* space(int64_t floats) {
    static std::unique_ptr<float[]> kept;
    static int64_t size = 0;
    if (floats > size) {
        kept.reset();
        kept.reset(new float[floats + BLOCK]());
        size = floats;
    }
    size_t address = reinterpret_cast<size_t>(kept.get()), line = BLOCK * sizeof(float);
    return reinterpret_cast<float*>((address + line - 1) / line * line);
}

// Tiles are taken a chunk at a time, which the caches hold. Where the weights' frequencies fit there
// too, they are computed once and each thread has chunks of its own; else all threads share a
// chunk, and each computes the weights of its out channels as it comes to them.
void convolve(const Tiles& source, const float* from, const Weights& weights, const Tiles& target,
              const After& after, float* to) {
    int64_t tiles = source.n * source.rows * source.columns, threads = Team::threads();
    bool alone = weights.groups() * weights.size() <= FEW_WEIGHTS && tiles >= 4 * ROWS * threads;
    int64_t most = std::max((alone ? OWN_CHUNK : JOINT_CHUNK) / Spectrum::size(source.blocks, 1),
                            int64_t(4 * ROWS));
    int64_t chunks = ceil_div(tiles, most);
    if (alone) chunks = ceil_div(chunks, threads) * threads;
    int64_t at_once = alone ? weights.groups()
        : std::max(int64_t(1), std::min(int64_t(AT_ONCE), weights.groups() / threads));
    RowGroups rows(ceil_div(tiles, chunks));
    int64_t in_size = Spectrum::size(source.blocks, rows.padded());
    int64_t out_size = Spectrum::size(at_once * VECTORS, rows.padded());
    int64_t weights_size = at_once * weights.size() * (alone ? 1 : threads);
    float* memory = space(weights_size + (alone ? threads : 1) * in_size + threads * out_size);
    Team::run([&](const Team& all) {
        float* of_threads = memory + weights_size;
        Spectrum out(of_threads + all.me * out_size, at_once * VECTORS, rows.padded());
        Spectrum in(of_threads + threads * out_size + (alone ? all.me * in_size : 0),
                    source.blocks, rows.padded());
        Team team = alone ? all.alone() : all;
        if (alone) {
            all.share(weights.groups(),
                      [&](int64_t g) { weights.analyse(g, memory + g * weights.size()); });
            all.wait();
        }
        float* own = memory + (alone ? 0 : all.me * at_once * weights.size());
        for (int64_t chunk = alone ? all.me : 0; chunk < chunks; chunk += alone ? all.count : 1) {
            int64_t first = chunk * rows.rows, count = std::min(rows.rows, tiles - first);
            if (count <= 0) break;
            team.wait();
            analyse(source, from, first, count, team, OfPixels(), in);
            team.wait();
            team.share(ceil_div(weights.groups(), at_once), [&](int64_t item) {
                int64_t group = item * at_once, more = std::min(at_once, weights.groups() - group);
                if (!alone)
                    for (int64_t g = 0; g < more; g++)
                        weights.analyse(group + g, own + g * weights.size());
                multiply(in, own, weights, more, rows, out);
                int64_t block = group * VECTORS;
                for (int64_t v = 0; v < more * VECTORS && block + v < target.blocks; v++)
                    synthesise(out, v, target, block + v, first, count, after, to);
            });
        }
    });
}

// sum[channel of a][vector of b] (+)= sum over tiles of a[tile][channel] * b[tile][vector].
template <int LANES, int V>
void correlate(const float* a, const float* b, int64_t block_apart, int64_t tiles, bool more,
               float* sum, int64_t lane_apart) {
    Vec found[LANES][V];
    for (int l = 0; l < LANES; l++)
        for (int v = 0; v < V; v++)
            found[l][v] = more ? load(sum + l * lane_apart + v * BLOCK) : Vec{};
    for (int64_t t = 0; t < tiles; t++) {
        Vec w[V];
        for (int v = 0; v < V; v++) w[v] = load(b + v * block_apart + t * BLOCK);
#pragma GCC unroll 16
        for (int l = 0; l < LANES; l++) {
            float value = a[t * BLOCK + l];
            for (int v = 0; v < V; v++) found[l][v] += w[v] * value;
        }
    }
    for (int l = 0; l < LANES; l++)
        for (int v = 0; v < V; v++) store(sum + l * lane_apart + v * BLOCK, found[l][v]);
}

constexpr int LANES = BLOCK / 2, WIDE = 3;

// Sums (frequency, channel of a's block, b_blocks, BLOCK).
void correlate_block(const Spectrum& a, int64_t block, const Spectrum& b, int64_t b_blocks,
                     int64_t count, bool more, float* sums) {
    int64_t row = b_blocks * BLOCK, apart = b.tiles * BLOCK;
    for (int f = 0; f < FREQUENCIES; f++)
        for (int64_t o = 0; o < b_blocks; o += WIDE)
            for (int lane = 0; lane < BLOCK; lane += LANES) {
                float* to = sums + (f * BLOCK + lane) * row + o * BLOCK;
                const float *x = a.at(f, block, 0) + lane, *y = b.at(f, o, 0);
                switch (b_blocks - o) {
                    case 1: correlate<LANES, 1>(x, y, apart, count, more, to, row); break;
                    case 2: correlate<LANES, 2>(x, y, apart, count, more, to, row); break;
                    default: correlate<LANES, WIDE>(x, y, apart, count, more, to, row);
                }
            }
}

// The sums of one block of in channels, as kernels (out, in, 3, 3).
void to_kernels(const float* sums, int64_t block, int64_t in, int64_t out, float* kernels) {
    int64_t row = ceil_div(out, int64_t(BLOCK)) * BLOCK;
    for (int64_t o = 0; o < row; o += BLOCK)
        for (int64_t i = 0; i < BLOCK && block * BLOCK + i < in; i++) {
            Vec square[FREQUENCIES];
            gather(sums + i * row + o, BLOCK * row, square);
            back<ToKernel>(square);
            float* to = kernels + (o * in + block * BLOCK + i) * KERNEL * KERNEL;
            for (int64_t lane = 0; lane < BLOCK && o + lane < out; lane++)
                for (int k = 0; k < KERNEL * KERNEL; k++)
                    to[lane * in * KERNEL * KERNEL + k] = square[k / KERNEL * SIDE + k % KERNEL][lane];
        }
}

Tiles tiles_of(int64_t n, int64_t channels, int64_t h, int64_t w, int64_t out_h, int64_t out_w,
               int64_t margin) {
    return {n, ceil_div(channels, int64_t(BLOCK)), h, w, ceil_div(out_h, int64_t(TILE)),
            ceil_div(out_w, int64_t(TILE)), margin};
}

Tiles tiles_of_source(const Sizes& s) {
    return tiles_of(s.n, s.c, s.h, s.w, s.out_h, s.out_w, s.padding);
}

Tiles tiles_of_target(const Sizes& s) {
    return tiles_of(s.n, s.out, s.out_h, s.out_w, s.out_h, s.out_w, 0);
}

}  // namespace

// Counted in operations of the plain way. What moving tiles and weights costs besides was measured
// on two cores each of an Intel Skylake, with AVX2 and with AVX-512.
bool winograd_pays(const Sizes& s) {
    if (s.kernel_h != KERNEL || s.kernel_w != KERNEL || s.stride != 1 || s.groups != 1 || s.plain
        || s.padding >= KERNEL)
        return false;
    double in = double(s.c), out = double(s.out), pixels = double(s.n * s.out_h * s.out_w);
    double tiles = double(s.n * ceil_div(s.out_h, int64_t(TILE)) * ceil_div(s.out_w, int64_t(TILE)));
    double winograd = 2 * FREQUENCIES * tiles * in * out + 2400 * tiles * (in + out)
        + 3300 * in * out;
    return winograd < 0.9 * 2 * KERNEL * KERNEL * pixels * in * out;
}

void winograd_forward(const float* x, const float* weights, const float* bias,
                      const float* residual, const Sizes& s, int64_t activation, float* y) {
    convolve(tiles_of_source(s), x, {weights, s.c, s.out, false}, tiles_of_target(s),
             {bias, residual, activation, s.out}, y);
}

// A convolution of the gradient with the kernels turned around.
void winograd_data(const float* dy, const float* weights, const Sizes& s, float* dx) {
    convolve(tiles_of(s.n, s.out, s.out_h, s.out_w, s.h, s.w, KERNEL - 1 - s.padding), dy,
             {weights, s.out, s.c, true}, tiles_of(s.n, s.c, s.h, s.w, s.h, s.w, 0),
             {nullptr, nullptr, IDENTITY, s.c}, dx);
}

void winograd_weights(const float* x, const float* dy, const Sizes& s, float* dweights) {
    Tiles source = tiles_of_source(s), target = tiles_of_target(s);
    int64_t tiles = source.n * source.rows * source.columns;
    int64_t sums_size = FREQUENCIES * BLOCK * target.blocks * BLOCK;  // of one block
    int64_t most = std::max(WEIGHTS_CHUNK, std::min(source.blocks * sums_size, JOINT_CHUNK))
        / Spectrum::size(source.blocks + target.blocks, 1);
    int64_t chunks = ceil_div(tiles, std::max(most, int64_t(1))), each = ceil_div(tiles, chunks);
    int64_t in_size = Spectrum::size(source.blocks, each), kept = source.blocks;
    if (chunks == 1) kept = Team::threads();  // then no sums need to be kept
    float* memory = space(kept * sums_size + in_size + Spectrum::size(target.blocks, each));
    Spectrum in(memory + kept * sums_size, source.blocks, each);
    Spectrum out(memory + kept * sums_size + in_size, target.blocks, each);
    Team::run([&](const Team& team) {
        for (int64_t first = 0; first < tiles; first += each) {
            int64_t count = std::min(each, tiles - first);
            team.wait();
            analyse(source, x, first, count, team, OfPixels(), in);
            analyse(target, dy, first, count, team, OfGradient(), out);
            team.wait();
            team.share(source.blocks, [&](int64_t block) {
                float* sums = memory + (chunks == 1 ? team.me : block) * sums_size;
                correlate_block(in, block, out, target.blocks, count, first > 0, sums);
                if (first + each >= tiles) to_kernels(sums, block, s.c, s.out, dweights);
            });
        }
    });
}
