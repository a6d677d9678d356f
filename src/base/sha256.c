/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sha256.h"

#include <stdbool.h>
#include <string.h>

#include "base/str.h"

static const uint32_t k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t v, int n)
{
	return v >> n | v << (32 - n);
}

static uint32_t load_be(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void expand(const uint8_t *p, uint32_t w[64])
{
	for (int i = 0; i < 16; i++)
		w[i] = load_be(p + 4 * i);
	for (int i = 16; i < 64; i++) {
		uint32_t a = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
		uint32_t b = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
		w[i] = w[i - 16] + a + w[i - 7] + b;
	}
}

static void blocks_plain(uint32_t state[8], const uint8_t *p, size_t n)
{
	uint32_t w[64], s[8];

	for (; n; n--, p += 64) {
		expand(p, w);
		memcpy(s, state, sizeof(s));
		for (int i = 0; i < 64; i++) {
			uint32_t e = rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25);
			uint32_t t1 = s[7] + e + ((s[4] & s[5]) ^ (~s[4] & s[6])) + k[i] + w[i];
			uint32_t a = rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22);
			uint32_t t2 = a + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
			memmove(s + 1, s, 7 * sizeof(*s));
			s[4] += t1;
			s[0] = t1 + t2;
		}
		for (int i = 0; i < 8; i++)
			state[i] += s[i];
	}
}

#ifdef __x86_64__
#include <immintrin.h>

/* Intel's "New Instructions Supporting the Secure Hash Algorithm": the state as ABEF and CDGH, four rounds a step, the
 * message schedule in a ring of four registers. */
__attribute__((target("sha,sse4.1,ssse3"))) static void blocks_sha_ni(uint32_t state[8], const uint8_t *p, size_t n)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
	__m128i t = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xb1);
	__m128i cdgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1b);
	__m128i abef = _mm_alignr_epi8(t, cdgh, 8);

	cdgh = _mm_blend_epi16(cdgh, t, 0xf0);
	for (; n; n--, p += 64) {
		const __m128i abef0 = abef, cdgh0 = cdgh;
		__m128i m[4];
		for (int i = 0; i < 4; i++)
			m[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(p + 16 * i)), swap);
#pragma GCC unroll 16
		for (int i = 0; i < 16; i++) {
			__m128i kw = _mm_add_epi32(m[i & 3], _mm_loadu_si128((const __m128i *)(k + 4 * i)));
			cdgh = _mm_sha256rnds2_epu32(cdgh, abef, kw);
			if (i < 12) {   /* words 4(i+4) .. from the four quadruples before */
				__m128i next = _mm_sha256msg1_epu32(m[i & 3], m[(i + 1) & 3]);
				next = _mm_add_epi32(next, _mm_alignr_epi8(m[(i + 3) & 3], m[(i + 2) & 3], 4));
				m[i & 3] = _mm_sha256msg2_epu32(next, m[(i + 3) & 3]);
			}
			abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(kw, 0x0e));
		}
		abef = _mm_add_epi32(abef, abef0);
		cdgh = _mm_add_epi32(cdgh, cdgh0);
	}
	t = _mm_shuffle_epi32(abef, 0x1b);
	cdgh = _mm_shuffle_epi32(cdgh, 0xb1);
	_mm_storeu_si128((__m128i *)state, _mm_blend_epi16(t, cdgh, 0xf0));
	_mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(cdgh, t, 8));
}

struct cpuid {
	unsigned ebx, ecx;
};

/* Not __builtin_cpu_supports(): that asks a dozen questions before main() of every program, and in a virtual machine each
 * of them goes to the host. */
static struct cpuid cpuid(unsigned leaf)
{
	struct cpuid r = { 0, 0 };
	unsigned edx;

	__asm__("cpuid" : "+a"(leaf), "=b"(r.ebx), "+c"(r.ecx), "=d"(edx));
	return r;
}

static void blocks(uint32_t state[8], const uint8_t *p, size_t n)
{
	static int has;   /* 0: not looked yet; the answer never changes */

	if (!has)
		has = cpuid(7).ebx >> 29 & 1 && cpuid(1).ecx >> 19 & 1 ? 1 : -1;   /* SHA, SSE4.1 */
	(has > 0 ? blocks_sha_ni : blocks_plain)(state, p, n);
}
#else
#define blocks blocks_plain
#endif

void sha256_init(struct sha256 *h)
{
	static const uint32_t start[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
					   0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

	memcpy(h->state, start, sizeof(start));
	h->len = 0;
}

void sha256_add(struct sha256 *h, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t have = h->len % 64;

	h->len += len;
	if (have) {
		size_t n = 64 - have < len ? 64 - have : len;
		memcpy(h->block + have, p, n);
		if (have + n < 64)
			return;
		blocks(h->state, h->block, 1);
		p += n;
		len -= n;
	}
	if (len / 64)
		blocks(h->state, p, len / 64);
	if (len % 64)
		memcpy(h->block, p + (len - len % 64), len % 64);
}

void sha256_end(struct sha256 *h, uint8_t out[SHA256_BYTES])
{
	uint8_t tail[128] = { 0 };
	size_t have = h->len % 64, n = have < 56 ? 64 : 128;
	uint64_t bits = h->len * 8;

	memcpy(tail, h->block, have);
	tail[have] = 0x80;
	for (int i = 0; i < 8; i++)
		tail[n - 1 - (size_t)i] = (uint8_t)(bits >> (8 * i));
	blocks(h->state, tail, n / 64);
	for (int i = 0; i < SHA256_BYTES; i++)
		out[i] = (uint8_t)(h->state[i / 4] >> (24 - 8 * (i % 4)));
}

char *sha256_end_hex(struct sha256 *h, char out[SHA256_HEX_MAX])
{
	uint8_t bytes[SHA256_BYTES];

	sha256_end(h, bytes);
	hex_encode(bytes, sizeof(bytes), out);
	return out;
}

char *sha256_end_text(struct sha256 *h, char out[SHA256_TEXT_MAX])
{
	memcpy(out, "sha256:", 7);
	sha256_end_hex(h, out + 7);
	return out;
}

char *sha256_text(const void *data, size_t len, char out[SHA256_TEXT_MAX])
{
	struct sha256 h;

	sha256_init(&h);
	sha256_add(&h, data, len);
	return sha256_end_text(&h, out);
}
