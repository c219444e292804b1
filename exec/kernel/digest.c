/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/kernel/digest.h"

#include <stdbool.h>
#include <string.h>

/* Every digest takes blocks, the last padded with 0x80, zeros and the length in bits. */
typedef void (*BlockFunction)(void *state, const uint8_t *block);

static void digest_blocks(BlockFunction f, void *state, size_t block, size_t n_length, bool big,
                          const uint8_t *bytes, size_t n)
{
    uint8_t last[256] = {0};
    size_t whole = n / block * block, rest = n - whole;

    for (size_t i = 0; i < whole; i += block)
        f(state, bytes + i);
    if (rest > 0)
        memcpy(last, bytes + whole, rest);
    last[rest] = 0x80;
    size_t n_last = rest + 1 + n_length > block ? 2 * block : block;
    for (size_t i = 0; i < 8; i++)
        last[big ? n_last - 1 - i : n_last - n_length + i] = (uint8_t)((uint64_t)n << 3 >> (8 * i));
    if (n > (SIZE_MAX >> 3) && n_length > 8) /* bits beyond 64 */
        last[n_last - 9] = (uint8_t)((uint64_t)n >> 61);
    for (size_t i = 0; i < n_last; i += block)
        f(state, last + i);
}

static uint32_t rotl32(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}

static uint32_t rotr32(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static uint64_t rotr64(uint64_t x, unsigned n)
{
    return x >> n | x << (64 - n);
}

static uint32_t load_big32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t load_little32(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* ---- MD5 ---- */

static void md5_block(void *state, const uint8_t *block)
{
    static const uint32_t k[64] = {
        0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613,
        0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193,
        0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d,
        0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed,
        0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122,
        0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa,
        0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244,
        0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
        0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb,
        0xeb86d391};
    static const uint8_t shifts[4][4] = {
        {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
    uint32_t *s = state, a = s[0], b = s[1], c = s[2], d = s[3];

    for (unsigned i = 0; i < 64; i++) {
        unsigned round = i / 16;
        uint32_t f = round == 0   ? (b & c) | (~b & d)
                     : round == 1 ? (d & b) | (~d & c)
                     : round == 2 ? b ^ c ^ d
                                  : c ^ (b | ~d);
        unsigned word = round == 0   ? i
                        : round == 1 ? (5 * i + 1) % 16
                        : round == 2 ? (3 * i + 5) % 16
                                     : 7 * i % 16;
        uint32_t next = b + rotl32(a + f + k[i] + load_little32(block + 4 * word), //
                                   shifts[round][i % 4]);
        a = d;
        d = c;
        c = b;
        b = next;
    }
    s[0] += a;
    s[1] += b;
    s[2] += c;
    s[3] += d;
}

/* ---- SHA ---- */

static void sha1_block(void *state, const uint8_t *block)
{
    static const uint32_t k[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    uint32_t *s = state, a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], w[80];

    for (unsigned i = 0; i < 16; i++)
        w[i] = load_big32(block + 4 * i);
    for (unsigned i = 16; i < 80; i++)
        w[i] = rotl32(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (unsigned i = 0; i < 80; i++) {
        unsigned round = i / 20;
        uint32_t f = round == 0   ? (b & c) | (~b & d)
                     : round == 2 ? (b & c) | (b & d) | (c & d)
                                  : b ^ c ^ d;
        uint32_t next = rotl32(a, 5) + f + e + k[round] + w[i];
        e = d;
        d = c;
        c = rotl32(b, 30);
        b = a;
        a = next;
    }
    s[0] += a;
    s[1] += b;
    s[2] += c;
    s[3] += d;
    s[4] += e;
}

/* Fractions of the cube roots of the first 80 primes; SHA-256 has the first half of the first 64.
 */
static const uint64_t sha2_k[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
    0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
    0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
    0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
    0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
    0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
    0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
    0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
    0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
    0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
    0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817};

static void sha256_block(void *state, const uint8_t *block)
{
    uint32_t *s = state, v[8], w[64];

    memcpy(v, s, sizeof(v));
    for (unsigned i = 0; i < 16; i++)
        w[i] = load_big32(block + 4 * i);
    for (unsigned i = 16; i < 64; i++) {
        uint32_t x = w[i - 15], y = w[i - 2];
        w[i] = w[i - 16] + (rotr32(x, 7) ^ rotr32(x, 18) ^ x >> 3) + w[i - 7] +
               (rotr32(y, 17) ^ rotr32(y, 19) ^ y >> 10);
    }
    for (unsigned i = 0; i < 64; i++) {
        uint32_t a = v[0], e = v[4];
        uint32_t t1 = v[7] + (rotr32(e, 6) ^ rotr32(e, 11) ^ rotr32(e, 25)) +
                      ((e & v[5]) ^ (~e & v[6])) + (uint32_t)(sha2_k[i] >> 32) + w[i];
        uint32_t t2 = (rotr32(a, 2) ^ rotr32(a, 13) ^ rotr32(a, 22)) +
                      ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof(v[0]));
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (unsigned i = 0; i < 8; i++)
        s[i] += v[i];
}

static void sha512_block(void *state, const uint8_t *block)
{
    uint64_t *s = state, v[8], w[80];

    memcpy(v, s, sizeof(v));
    for (unsigned i = 0; i < 16; i++)
        w[i] = (uint64_t)load_big32(block + 8 * i) << 32 | load_big32(block + 8 * i + 4);
    for (unsigned i = 16; i < 80; i++) {
        uint64_t x = w[i - 15], y = w[i - 2];
        w[i] = w[i - 16] + (rotr64(x, 1) ^ rotr64(x, 8) ^ x >> 7) + w[i - 7] +
               (rotr64(y, 19) ^ rotr64(y, 61) ^ y >> 6);
    }
    for (unsigned i = 0; i < 80; i++) {
        uint64_t a = v[0], e = v[4];
        uint64_t t1 = v[7] + (rotr64(e, 14) ^ rotr64(e, 18) ^ rotr64(e, 41)) +
                      ((e & v[5]) ^ (~e & v[6])) + sha2_k[i] + w[i];
        uint64_t t2 = (rotr64(a, 28) ^ rotr64(a, 34) ^ rotr64(a, 39)) +
                      ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof(v[0]));
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (unsigned i = 0; i < 8; i++)
        s[i] += v[i];
}

/* ---- entry ---- */

static size_t digest32(BlockFunction f, const uint32_t *start, bool big, size_t n_words,
                       const void *bytes, size_t n, uint8_t *out)
{
    uint32_t state[8];
    memcpy(state, start, sizeof(state));
    digest_blocks(f, state, 64, 8, big, bytes, n);
    for (size_t i = 0; i < n_words * 4; i++)
        out[i] = (uint8_t)(state[i / 4] >> 8 * (big ? 3 - i % 4 : i % 4));
    return n_words * 4;
}

static size_t digest64(const uint64_t *start, size_t n_words, const void *bytes, size_t n,
                       uint8_t *out)
{
    uint64_t state[8];
    memcpy(state, start, sizeof(state));
    digest_blocks(sha512_block, state, 128, 16, true, bytes, n);
    for (size_t i = 0; i < n_words * 8; i++)
        out[i] = (uint8_t)(state[i / 8] >> 8 * (7 - i % 8));
    return n_words * 8;
}

size_t digest(DigestKind kind, const void *bytes, size_t n, uint8_t out[DIGEST_BYTES_MAX])
{
    static const uint32_t start_md5[8] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    static const uint32_t start_sha1[8] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476,
                                           0xc3d2e1f0};
    static const uint32_t start_224[8] = {0xc1059ed8, 0x367cd507, 0x3070dd17, 0xf70e5939,
                                          0xffc00b31, 0x68581511, 0x64f98fa7, 0xbefa4fa4};
    static const uint32_t start_256[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    static const uint64_t start_384[8] = {
        0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17, 0x152fecd8f70e5939,
        0x67332667ffc00b31, 0x8eb44a8768581511, 0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4};
    static const uint64_t start_512[8] = {
        0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
        0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
    switch (kind) {
    case DIGEST_MD5:
        return digest32(md5_block, start_md5, false, 4, bytes, n, out);
    case DIGEST_SHA1:
        return digest32(sha1_block, start_sha1, true, 5, bytes, n, out);
    case DIGEST_SHA224:
        return digest32(sha256_block, start_224, true, 7, bytes, n, out);
    case DIGEST_SHA256:
        return digest32(sha256_block, start_256, true, 8, bytes, n, out);
    case DIGEST_SHA384:
        return digest64(start_384, 6, bytes, n, out);
    default:
        return digest64(start_512, 8, bytes, n, out);
    }
}

/* ---- Murmur3 ---- */

static uint32_t murmur_mix(uint32_t h, uint32_t k)
{
    k = rotl32(k * 0xcc9e2d51, 15) * 0x1b873593;
    return rotl32(h ^ k, 13) * 5 + 0xe6546b64;
}

static int32_t murmur_end(uint32_t h, uint32_t n)
{
    h ^= n;
    h = (h ^ h >> 16) * 0x85ebca6b;
    h = (h ^ h >> 13) * 0xc2b2ae35;
    return (int32_t)(h ^ h >> 16);
}

int32_t murmur3_int(int32_t value, int32_t seed)
{
    return murmur_end(murmur_mix((uint32_t)seed, (uint32_t)value), 4);
}

int32_t murmur3_long(int64_t value, int32_t seed)
{
    uint32_t h = murmur_mix((uint32_t)seed, (uint32_t)value);
    return murmur_end(murmur_mix(h, (uint32_t)((uint64_t)value >> 32)), 8);
}

int32_t murmur3_bytes(const void *bytes, size_t n, int32_t seed)
{
    const uint8_t *p = bytes;
    uint32_t h = (uint32_t)seed;
    size_t i = 0;

    for (; i + 4 <= n; i += 4)
        h = murmur_mix(h, load_little32(p + i));
    for (; i < n; i++)
        h = murmur_mix(h, (uint32_t)(int32_t)(int8_t)p[i]);
    return murmur_end(h, (uint32_t)n);
}
