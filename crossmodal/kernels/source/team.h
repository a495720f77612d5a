// Threads that go through the stages of one computation together.
#pragma once
#include <omp.h>
#include <sched.h>
#include <atomic>
#include <cstdint>

struct Barrier {
    std::atomic<int> arrived{0}, round{0};
};

// One thread's place among `count`. OpenMP's own barrier puts a thread to sleep at once, and waking
// it takes longer than a stage: this one looks a while, then lets others have the core.
struct Team {
    int64_t me, count;
    Barrier* barrier;

    static int64_t threads() { return omp_get_max_threads(); }

    // `work` in every thread, each with its place.
    template <class Work>
    static void run(Work work) {
        Barrier barrier;
#pragma omp parallel
        work(Team{omp_get_thread_num(), omp_get_num_threads(), &barrier});
    }

    // The same thread, waiting for nobody.
    Team alone() const { return {0, 1, nullptr}; }

    // Until all have come here.
    void wait() const {
        if (count == 1) return;
        int round = barrier->round.load();
        if (barrier->arrived.fetch_add(1) + 1 == count) {
            barrier->arrived = 0;
            barrier->round.fetch_add(1);
            return;
        }
        for (int looks = 0; barrier->round.load(std::memory_order_acquire) == round; looks++)
            if (looks > LOOKS) sched_yield();
    }

    // This thread's part of `items`, which come one after the other.
    template <class Do>
    void share(int64_t items, Do act) const {
        int64_t end = items * (me + 1) / count;
        for (int64_t item = items * me / count; item < end; item++) act(item);
    }

private:
    static constexpr int LOOKS = 2000;
};
