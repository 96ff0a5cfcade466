/*
 * Checks many BIP-340 signatures at once (BIP-340, "Batch Verification"), built upon the source of libsecp256k1, which is
 * included as a whole because its multi-scalar multiplication is not exported.
 *
 * A signature (R, s) of the message m under the key P is valid if s*G - R - e*P = 0, e = hash(R, P, m). Of many, the sum of
 * a_i * (s_i*G - R_i - e_i*P_i) is calculated, whose terms are cheap together (Pippenger's algorithm). The coefficients a_i
 * come from a hash of all the triples, so that who made the signatures cannot choose them such that errors cancel: for each
 * choice of triples a sum with an invalid signature in it is 0 with a probability of 2^-127. Where a sum is not 0, it is halved until the invalid
 * ones are found.
 *
 * Threads: each has a state of its own. Memory of one: see `proton_beam_create`.
 */
#define USE_ENDOMORPHISM 1
#define USE_NUM_NONE 1
#define USE_FIELD_INV_BUILTIN 1
#define USE_SCALAR_INV_BUILTIN 1
#define ECMULT_WINDOW_SIZE 12
#define ECMULT_GEN_PREC_BITS 4
#ifdef __SIZEOF_INT128__
#define HAVE___INT128 1
#define USE_FIELD_5X52 1
#define USE_SCALAR_4X64 1
#else
#define USE_FIELD_10X26 1
#define USE_SCALAR_8X32 1
#endif
#include "src/secp256k1.c"

#define EXPORTED __attribute__((visibility("default")))

#define TRIPLE 128
#define BUCKET_WINDOW_LEAST 4
#define BUCKET_WINDOW_MOST 12

/* How many of a key's neighbours are looked at: what is not found then counts as another key, which costs time only. */
#define PROBES 16

/* A sum of fewer signatures costs more than checking them one by one. */
#define SUMMED_LEAST 32

/* How many are summed up at first, and how many are checked one by one before their invalid ones decide how it goes on. */
#define GROUP_FIRST 256
#define ONE_BY_ONE 256

typedef struct {
    secp256k1_ge r;
    secp256k1_scalar s, e, a;
    uint32_t key;
    uint32_t triple;
} signature;

typedef struct {
    unsigned char bytes[32];
    secp256k1_ge point;
    /* The sum of a_i * e_i of the key's signatures, when `stamp` is the one of the sum that is being calculated. */
    secp256k1_scalar sum;
    uint64_t stamp;
} key;

typedef struct {
    size_t capacity;
    /* How many signatures were checked lately, and how many of them were invalid. */
    size_t checked, invalid;
    secp256k1_ecmult_context ecmult;
    void *ecmult_memory;
    /* SHA-256 behind the tag of BIP-340's challenge. */
    secp256k1_sha256 challenge;
    signature *signatures;

    /* Keys are kept from call to call, as taking the root is a good part of the work. */
    key *keys;
    size_t key_count, key_room;
    /* A hash table of number + 1 of keys; 0: free. */
    uint32_t *slots;
    size_t slot_mask;
    uint64_t stamp;

    /* The terms of a sum. */
    secp256k1_ge *points;
    secp256k1_scalar *scalars;
    struct secp256k1_pippenger_state pippenger;
    secp256k1_gej *buckets;
    uint32_t *touched;
} state;

static void sha256(const unsigned char *bytes, size_t length, unsigned char *hash) {
    secp256k1_sha256 sha;
    secp256k1_sha256_initialize(&sha);
    secp256k1_sha256_write(&sha, bytes, length);
    secp256k1_sha256_finalize(&sha, hash);
}

static void *take(size_t count, size_t size) {
    return count > SIZE_MAX / size ? NULL : malloc(count * size);
}

static void destroy(void *pointer) {
    state *st = pointer;
    if (st == NULL) return;
    free(st->ecmult_memory);
    free(st->signatures);
    free(st->keys);
    free(st->slots);
    free(st->points);
    free(st->scalars);
    free(st->pippenger.ps);
    free(st->pippenger.wnaf_na);
    free(st->buckets);
    free(st->touched);
    free(st);
}

/*
 * The exported functions: who changes what they take or mean gives them other names, so that an older library that was left
 * on a disk is not taken for this one.
 */

/*
 * A state for up to `capacity` signatures a call, or NULL when there is no memory: 1.3 KB a signature at most (21 MB for
 * 16,384), of which the system gives what is used.
 */
EXPORTED void *proton_beam_create(size_t capacity) {
    static const unsigned char tag[] = "BIP0340/challenge";
    unsigned char hash[32];
    size_t terms = 3 * capacity + 2;
    void *memory;
    state *st = calloc(1, sizeof(*st));
    if (st == NULL) return NULL;
    st->capacity = capacity;
    st->key_room = 2 * capacity;
    st->slot_mask = 1;
    while (st->slot_mask < 2 * st->key_room) st->slot_mask *= 2;
    st->slots = calloc(st->slot_mask, sizeof(*st->slots));
    st->slot_mask--;
    st->ecmult_memory = take(1, SECP256K1_ECMULT_CONTEXT_PREALLOCATED_SIZE);
    st->signatures = take(capacity, sizeof(*st->signatures));
    st->keys = take(st->key_room, sizeof(*st->keys));
    st->points = take(terms, sizeof(*st->points));
    st->scalars = take(terms, sizeof(*st->scalars));
    st->pippenger.ps = take(terms, sizeof(*st->pippenger.ps));
    st->pippenger.wnaf_na = take(terms, WNAF_SIZE(BUCKET_WINDOW_LEAST + 1) * sizeof(int));
    st->buckets = take((size_t)1 << BUCKET_WINDOW_MOST, sizeof(*st->buckets));
    st->touched = take(capacity, sizeof(*st->touched));
    if (!st->slots || !st->ecmult_memory || !st->signatures || !st->keys || !st->points || !st->scalars ||
        !st->pippenger.ps || !st->pippenger.wnaf_na || !st->buckets || !st->touched) {
        destroy(st);
        return NULL;
    }
    memory = st->ecmult_memory;
    secp256k1_ecmult_context_init(&st->ecmult);
    secp256k1_ecmult_context_build(&st->ecmult, &memory);
    sha256(tag, sizeof(tag) - 1, hash);
    secp256k1_sha256_initialize(&st->challenge);
    secp256k1_sha256_write(&st->challenge, hash, 32);
    secp256k1_sha256_write(&st->challenge, hash, 32);
    return st;
}

/* The point of the curve with this x and an even y; 0 when there is none. */
static int lift(secp256k1_ge *point, const unsigned char *x32) {
    secp256k1_fe x;
    return secp256k1_fe_set_b32(&x, x32) && secp256k1_ge_set_xo_var(point, &x, 0);
}

static int find_key(state *st, const unsigned char *bytes, uint32_t *number) {
    uint64_t hash;
    uint32_t *slot = NULL;
    int i;
    memcpy(&hash, bytes, sizeof(hash));
    for (i = 0; i < PROBES; i++) {
        slot = &st->slots[(hash + i) & st->slot_mask];
        if (*slot == 0) break;
        *number = *slot - 1;
        if (memcmp(st->keys[*number].bytes, bytes, 32) == 0) return 1;
    }
    *number = st->key_count;
    if (!lift(&st->keys[*number].point, bytes)) return 0;
    memcpy(st->keys[*number].bytes, bytes, 32);
    st->keys[*number].stamp = 0;
    st->key_count++;
    if (i < PROBES) *slot = st->key_count;
    return 1;
}

/* Reads a triple; 0 when no signature of this form can be valid. */
static int read_triple(state *st, const unsigned char *triple, signature *sig) {
    unsigned char hash[32];
    secp256k1_sha256 sha = st->challenge;
    int overflow;
    secp256k1_scalar_set_b32(&sig->s, triple + 96, &overflow);
    if (overflow || !find_key(st, triple + 32, &sig->key) || !lift(&sig->r, triple + 64)) return 0;
    secp256k1_ge_neg(&sig->r, &sig->r);
    secp256k1_sha256_write(&sha, triple + 64, 32);
    secp256k1_sha256_write(&sha, triple + 32, 32);
    secp256k1_sha256_write(&sha, triple, 32);
    secp256k1_sha256_finalize(&sha, hash);
    secp256k1_scalar_set_b32(&sig->e, hash, NULL);
    return 1;
}

/* Coefficients of 127 bits: the endomorphism splits such a scalar into itself and 0, which halves the work for it. */
static void set_coefficients(const unsigned char *seed, signature *sigs, size_t count) {
    unsigned char numbered[36], hash[32], scalar[32] = {0};
    uint32_t i;
    memcpy(numbered, seed, 32);
    for (i = 0; i < count; i++) {
        if (i % 2 == 0) {
            memcpy(numbered + 32, &i, sizeof(i));
            sha256(numbered, sizeof(numbered), hash);
        }
        memcpy(scalar + 16, hash + 16 * (i % 2), 16);
        scalar[16] &= 0x7f;
        secp256k1_scalar_set_b32(&sigs[i].a, scalar, NULL);
    }
}

/* Adds scalar * point to the terms as two of 128 bits. */
static size_t add_split(state *st, size_t terms, const secp256k1_ge *point, const secp256k1_scalar *scalar) {
    st->points[terms] = *point;
    st->scalars[terms] = *scalar;
    secp256k1_ecmult_endo_split(&st->scalars[terms], &st->scalars[terms + 1],
                                &st->points[terms], &st->points[terms + 1]);
    return terms + 2;
}

/* The number of bits of a scalar that are dealt with at once: measured. */
static int bucket_window(size_t terms) {
    static const size_t most[] = {130, 260, 600, 1900, 3300, 9000, 15000, 40000};
    int window = BUCKET_WINDOW_LEAST;
    while (window < BUCKET_WINDOW_MOST && terms > most[window - BUCKET_WINDOW_LEAST]) window++;
    return window;
}

/* The sum of a_i * (s_i*G - R_i - e_i*P_i). */
static void sum(state *st, secp256k1_gej *result, const signature *sigs, size_t count) {
    secp256k1_scalar of_g, product;
    size_t terms = 0, touched = 0, i;
    secp256k1_scalar_set_int(&of_g, 0);
    st->stamp++;
    for (i = 0; i < count; i++, terms++) {
        key *k = &st->keys[sigs[i].key];
        st->points[terms] = sigs[i].r;
        st->scalars[terms] = sigs[i].a;
        secp256k1_scalar_mul(&product, &sigs[i].a, &sigs[i].s);
        secp256k1_scalar_add(&of_g, &of_g, &product);
        secp256k1_scalar_mul(&product, &sigs[i].a, &sigs[i].e);
        if (k->stamp != st->stamp) {
            k->stamp = st->stamp;
            k->sum = product;
            st->touched[touched++] = sigs[i].key;
        } else {
            secp256k1_scalar_add(&k->sum, &k->sum, &product);
        }
    }
    for (i = 0; i < touched; i++) {
        key *k = &st->keys[st->touched[i]];
        secp256k1_scalar_negate(&product, &k->sum);
        terms = add_split(st, terms, &k->point, &product);
    }
    terms = add_split(st, terms, &secp256k1_ge_const_g, &of_g);
    secp256k1_ecmult_pippenger_wnaf(st->buckets, bucket_window(terms), &st->pippenger, result, st->scalars, st->points, terms);
}

static int verify_one(state *st, const signature *sig) {
    secp256k1_gej key_point, result;
    secp256k1_scalar minus_e;
    secp256k1_gej_set_ge(&key_point, &st->keys[sig->key].point);
    secp256k1_scalar_negate(&minus_e, &sig->e);
    secp256k1_ecmult(&st->ecmult, &result, &key_point, &minus_e, &sig->s);
    secp256k1_gej_add_ge_var(&result, &result, &sig->r, NULL);
    return secp256k1_gej_is_infinity(&result);
}

/* Says which signatures are valid, and returns how many are not. */
static size_t verify_each(state *st, const signature *sigs, size_t count, unsigned char *valid) {
    size_t invalid = 0, i;
    for (i = 0; i < count; i++) {
        valid[sigs[i].triple] = verify_one(st, &sigs[i]);
        invalid += !valid[sigs[i].triple];
    }
    return invalid;
}

/* The same for signatures whose sum is known: that of the second half is what the first leaves. */
static size_t verify_half_by_half(state *st, const secp256k1_gej *total, const signature *sigs, size_t count,
                                  unsigned char *valid) {
    secp256k1_gej left, right;
    size_t half = count / 2, i;
    if (secp256k1_gej_is_infinity(total)) {
        for (i = 0; i < count; i++) valid[sigs[i].triple] = 1;
        return 0;
    }
    if (count < SUMMED_LEAST) return verify_each(st, sigs, count, valid);
    sum(st, &left, sigs, half);
    secp256k1_gej_neg(&right, &left);
    secp256k1_gej_add_var(&right, &right, total, NULL);
    return verify_half_by_half(st, &left, sigs, half, valid) +
           verify_half_by_half(st, &right, sigs + half, count - half, valid);
}

/*
 * How many signatures to sum up: the more of them are invalid, the fewer. Half an invalid one in each sum costs the least.
 * Before much is known it is the fewer, too.
 */
static size_t group_size(const state *st) {
    size_t size = st->invalid == 0 ? GROUP_FIRST + st->checked : st->checked / (2 * st->invalid);
    return size < st->capacity ? size : st->capacity;
}

static void check_group(state *st, const unsigned char *seed, const unsigned char *triples, size_t count, int is_summed,
                        unsigned char *valid) {
    size_t read = 0, i;
    secp256k1_gej total;
    if (st->key_room - st->key_count < count) {
        memset(st->slots, 0, (st->slot_mask + 1) * sizeof(*st->slots));
        st->key_count = 0;
    }
    for (i = 0; i < count; i++) {
        valid[i] = 0;
        st->signatures[read].triple = i;
        read += read_triple(st, triples + TRIPLE * i, &st->signatures[read]);
    }
    if (is_summed && read >= SUMMED_LEAST) {
        set_coefficients(seed, st->signatures, read);
        sum(st, &total, st->signatures, read);
        st->invalid += verify_half_by_half(st, &total, st->signatures, read, valid);
    } else {
        st->invalid += verify_each(st, st->signatures, read, valid);
    }
    st->checked += read;
    while (st->checked > 2 * st->capacity) {
        st->checked /= 2;
        st->invalid /= 2;
    }
}

/*
 * Says in `valid` which of the triples verify, 1 or 0: id 32 bytes, pubkey 32, signature 64. `count` is `capacity` at most,
 * and `seed` the SHA-256 of all these triples, on which the coefficients depend.
 */
EXPORTED void proton_beam_check(void *pointer, const unsigned char *seed, const unsigned char *triples, size_t count,
                                unsigned char *valid) {
    state *st = pointer;
    size_t at = 0;
    while (at < count) {
        size_t size = group_size(st);
        int is_summed = size >= SUMMED_LEAST;
        if (!is_summed) size = ONE_BY_ONE;
        if (size > count - at) size = count - at;
        check_group(st, seed, triples + TRIPLE * at, size, is_summed, valid + at);
        at += size;
    }
}
