#include "tests/gpu/emulate.h"
#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
#include <vector>

dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace emulate
{

order_kind order = FORWARD;
uint64_t seed = 1, launches;
static board boards[2][1024];

[[noreturn]] static void fault(const char *what)
{
    fprintf(stderr, "emulated GPU: %s (block %u,%u,%u thread %u)\n", what, blockIdx.x, blockIdx.y, blockIdx.z,
            threadIdx.x);
    abort();
}

/* ---- a stack to run on. swapcontext asks the kernel each time, which is most of the time here: x86-64 does without.
 */

static constexpr size_t STACK = 256 << 10;

#ifdef __x86_64__
typedef void *context; /* stack pointer; the registers that calls keep lie there */
extern "C" void context_switch(context *from, context *to);
asm(".text\n"
    "context_switch:\n"
    "    pushq %rbp\n pushq %rbx\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n"
    "    movq %rsp, (%rdi)\n"
    "    movq (%rsi), %rsp\n"
    "    popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbx\n popq %rbp\n"
    "    ret\n");
static void context_make(context *c, char *stack, void (*entry)())
{
    void **top = (void **)(stack + STACK) - 2; /* after ret the stack is as a call leaves it: 8 modulo 16 */
    *top = (void *)entry;
    *c = top - 6;
}
#else
typedef ucontext_t context;
static void context_switch(context *from, context *to)
{
    swapcontext(from, to);
}
static void context_make(context *c, char *stack, void (*entry)())
{
    getcontext(c);
    c->uc_stack.ss_sp = stack;
    c->uc_stack.ss_size = STACK;
    c->uc_link = nullptr;
    makecontext(c, entry, 0);
}
#endif

/* ---- threads of a block as fibers. They live on and run one kernel body after another. */

struct pending {
    void *to;
    const void *from;
    bool valid;
};
struct fiber {
    enum { IDLE, READY, AT_BLOCK, AT_WARP } state;
    unsigned turn; /* of the boards */
    uint32_t tag;
    context at;
    std::vector<std::vector<pending>> groups; /* asynchronous copies: committed, then the open group */
};
static std::vector<fiber *> fibers;
static fiber *current;
static context scheduler;
static const std::function<void()> *body;
static std::vector<void *> poisoned; /* shared variables of this block that have begun as NaNs */

static void yield()
{
    context_switch(&current->at, &scheduler);
}

static void life()
{
    for (;;) {
        (*body)();
        current->state = fiber::IDLE;
        yield();
    }
}

static void resume(unsigned i)
{
    current = fibers[i];
    threadIdx = dim3(i, 0, 0);
    context_switch(&scheduler, &current->at);
}

static void make_fibers(size_t n)
{
    while (fibers.size() < n) {
        fiber *f = new fiber();
        void *stack = mmap(nullptr, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (stack == MAP_FAILED) fault("no memory for a thread's stack");
        context_make(&f->at, (char *)stack, life);
        fibers.push_back(f);
    }
}

unsigned thread()
{
    return threadIdx.x;
}
board *next_board()
{
    return boards[current->turn ^= 1];
}

void barrier()
{
    current->state = fiber::AT_BLOCK;
    yield();
}

void warp_barrier(uint32_t tag)
{
    current->state = fiber::AT_WARP;
    current->tag = tag;
    yield();
}

void shared(void *at, size_t bytes)
{
    if (std::find(poisoned.begin(), poisoned.end(), at) != poisoned.end()) return;
    memset(at, 0xff, bytes);
    poisoned.push_back(at);
}

void copy(void *to, const void *from, bool valid)
{
    memset(to, 0xff, 16);
    if (current->groups.empty()) current->groups.emplace_back();
    current->groups.back().push_back({ to, from, valid });
}

void copy_commit()
{
    if (current->groups.empty()) current->groups.emplace_back();
    current->groups.emplace_back();
}

void copy_wait(int most)
{
    auto &g = current->groups;
    while ((int)g.size() - 1 > most) { /* the last one is still open */
        for (const pending &p : g.front())
            if (p.valid)
                memcpy(p.to, p.from, 16);
            else
                memset(p.to, 0, 16);
        g.erase(g.begin());
    }
}

static std::vector<unsigned> permutation(unsigned n)
{
    static std::mt19937_64 random;
    std::vector<unsigned> p(n);
    for (unsigned i = 0; i < n; i++) p[i] = order == BACKWARD ? n - 1 - i : i;
    random.seed(seed++);
    if (order == SHUFFLED) std::shuffle(p.begin(), p.end(), random);
    return p;
}

/* When all 32 lanes wait at the same operation they may go on. */
static bool release_warp(unsigned w)
{
    for (unsigned i = w; i < w + 32; i++)
        if (fibers[i]->state != fiber::AT_WARP) return false;
    for (unsigned i = w; i < w + 32; i++) {
        if (fibers[i]->tag != fibers[w]->tag) fault("lanes of a warp met at different operations");
        fibers[i]->state = fiber::READY;
    }
    return true;
}

/* A warp runs on to the next barrier of the block before another one moves: what a missing barrier lets it see or
 * overwrite too early, it does. */
static void run_block(unsigned n)
{
    const std::vector<unsigned> warps = permutation(n / 32), lanes = permutation(32);
    poisoned.clear();
    for (unsigned i = 0; i < n; i++) fibers[i]->state = fiber::READY, fibers[i]->turn = 0;
    for (;;) {
        for (unsigned w : warps) do {
                for (unsigned lane : lanes)
                    if (fibers[w * 32 + lane]->state == fiber::READY) resume(w * 32 + lane);
            } while (release_warp(w * 32));
        unsigned idle = 0, at_block = 0;
        for (unsigned i = 0; i < n; i++)
            idle += fibers[i]->state == fiber::IDLE, at_block += fibers[i]->state == fiber::AT_BLOCK;
        if (idle == n) break;
        if (idle + at_block != n) fault("threads wait at different places for ever");
        if (idle)
            fault(
                "a barrier that some threads of the block have passed by"); /* allowed on a GPU, but never meant here */
        for (unsigned i = 0; i < n; i++) fibers[i]->state = fiber::READY;
    }
    for (unsigned i = 0; i < n; i++) {
        for (auto &g : fibers[i]->groups)
            if (!g.empty()) fault("an asynchronous copy that nobody waited for");
        fibers[i]->groups.clear();
    }
}

void run(dim3 grid, unsigned block, const std::function<void()> &kernel)
{
    if (!grid.x || !grid.y || !block || block % 32 || block > 1024 || grid.y > 65535)
        fault("a launch no GPU would take");
    make_fibers(block);
    body = &kernel;
    gridDim = grid, blockDim = dim3(block);
    for (unsigned y : permutation(grid.y))
        for (unsigned x : permutation(grid.x)) {
            blockIdx = dim3(x, y, 0);
            run_block(block);
        }
    launches++;
}

} // namespace emulate

/* ---- the runtime */

struct emulated_stream {
    std::deque<std::function<void()>> work;
    uint64_t done; /* pieces of work so far */
    emulated_graph *capture;
};
struct emulated_event {
    emulated_stream *stream;
    uint64_t at; /* how many pieces of the stream come before it */
};
struct emulated_graph {
    std::deque<std::function<void()>> work;
};

struct allocation {
    size_t bytes, mapped;
    void *base;
    bool pinned;
};
static std::map<void *, allocation> allocations;
static constexpr size_t DEVICE_BYTES = (size_t)256 << 20;
static size_t in_use;

/* What lies behind an event is not run when somebody waits for it: a host that counts on more finds the old values. */
static void run_until(cudaStream_t s, uint64_t at)
{
    while (s->done < at && !s->work.empty()) {
        std::function<void()> w = std::move(s->work.front());
        s->work.pop_front();
        s->done++;
        w();
    }
}
static void flush(cudaStream_t s)
{
    run_until(s, UINT64_MAX);
}

void emulate::enqueue(cudaStream_t s, std::function<void()> work)
{
    (s->capture ? s->capture->work : s->work).push_back(std::move(work));
}

static cudaError_t take(void **p, size_t n, bool pinned)
{
    if (!pinned && in_use + n > DEVICE_BYTES) return cudaErrorMemoryAllocation;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (n + 15) & ~(size_t)15,
                 mapped = (room + page - 1) / page * page + page;
    char *base = (char *)mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) return cudaErrorMemoryAllocation;
    mprotect(base + mapped - page, page, PROT_NONE);
    *p = base + mapped - page - room;
    memset(*p, 0xff, n);
    allocations[*p] = { n, mapped, base, pinned };
    if (!pinned) in_use += n;
    return cudaSuccess;
}

static cudaError_t give(void *p)
{
    if (!p) return cudaSuccess;
    auto a = allocations.find(p);
    if (a == allocations.end()) emulate::fault("free of what was never allocated");
    if (!a->second.pinned) in_use -= a->second.bytes;
    munmap(a->second.base, a->second.mapped);
    allocations.erase(a);
    return cudaSuccess;
}

static bool is_pinned(const void *p)
{
    auto a = allocations.upper_bound((void *)p);
    if (a == allocations.begin()) return false;
    --a;
    return a->second.pinned && (const char *)p < (const char *)a->first + a->second.bytes;
}

cudaError_t cudaGetDeviceCount(int *n)
{
    return *n = 1, cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int *v)
{
    return *v = 13000, cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int *v)
{
    return *v = 13000, cudaSuccess;
}
cudaError_t cudaGetLastError()
{
    return cudaSuccess;
}
const char *cudaGetErrorString(cudaError_t e)
{
    return e == cudaErrorMemoryAllocation ? "out of memory" : "emulated failure";
}
cudaError_t cudaSetDevice(int)
{
    return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int *v, cudaDeviceAttr a, int)
{
    *v = a == cudaDevAttrMultiProcessorCount      ? 4
         : a == cudaDevAttrComputeCapabilityMajor ? 9
                                                  : 0; /* an H100 of four units */
    return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *p, int)
{
    strcpy(p->name, "emulated");
    p->multiProcessorCount = 4;
    return cudaSuccess;
}
cudaError_t cudaDeviceGetPCIBusId(char *, int, int)
{
    return cudaErrorUnknown;
}
cudaError_t cudaMemGetInfo(size_t *unused, size_t *all)
{
    return *all = (size_t)2 << 30, *unused = *all - in_use, cudaSuccess;
}
cudaError_t cudaMalloc(void **p, size_t n)
{
    return take(p, n, false);
}
cudaError_t cudaFree(void *p)
{
    return give(p);
}
cudaError_t cudaHostAlloc(void **p, size_t n, unsigned)
{
    return take(p, n, true);
}
cudaError_t cudaFreeHost(void *p)
{
    return give(p);
}
cudaError_t cudaMemcpyAsync(void *dst, const void *src, size_t n, cudaMemcpyKind k, cudaStream_t s)
{
    if (is_pinned(k == cudaMemcpyHostToDevice ? src : dst)) {
        emulate::enqueue(s, [=] { memcpy(dst, src, n); });
    } else {
        flush(s);
        memcpy(dst, src, n);
    }
    return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void *dst, int v, size_t n, cudaStream_t s)
{
    return emulate::enqueue(s, [=] { memset(dst, v, n); }), cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, unsigned)
{
    return *s = new emulated_stream(), cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t s)
{
    return delete s, cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t s)
{
    return flush(s), cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t *e)
{
    return *e = new emulated_event(), cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned)
{
    return cudaEventCreate(e);
}
cudaError_t cudaEventDestroy(cudaEvent_t e)
{
    return delete e, cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s)
{
    return e->stream = s, e->at = s->done + s->work.size(), cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t e)
{
    return run_until(e->stream, e->at), cudaSuccess;
}
cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t a, cudaEvent_t b)
{
    if (a->stream->done < a->at || b->stream->done < b->at) return cudaErrorUnknown; /* not ready */
    return *ms = 0.01f, cudaSuccess;
}
cudaError_t cudaStreamBeginCapture(cudaStream_t s, int)
{
    return s->capture = new emulated_graph(), cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *g)
{
    *g = s->capture;
    s->capture = nullptr;
    return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *x, cudaGraph_t g, unsigned long long)
{
    return *x = new emulated_graph(*g), cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t x, cudaStream_t s)
{
    for (auto &w : x->work) emulate::enqueue(s, w);
    return cudaSuccess;
}
cudaError_t cudaGraphUpload(cudaGraphExec_t, cudaStream_t)
{
    return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t g)
{
    return delete g, cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t x)
{
    return delete x, cudaSuccess;
}
