// Beeline's sampler: the vectors are those of beeline-go's own test, and of the formula.
#include <doctest/doctest.h>

#include <string>
#include <waggle/sampling/deterministic_sampler.hpp>

using waggle::DeterministicSampler;
using waggle::detail::Sha1;

TEST_CASE("SHA-1 begins as RFC 3174 and FIPS 180 say") {
  CHECK(Sha1::first_word("") == 0xda39a3ee);
  CHECK(Sha1::first_word("abc") == 0xa9993e36);
  CHECK(Sha1::first_word("The quick brown fox jumps over the lazy dog") == 0x2fd4e1c6);
  CHECK(Sha1::first_word("The quick brown fox jumps over the lazy cog") == 0xde9f2c7f);
}

TEST_CASE("the same traces are kept as by a Beeline") {
  const DeterministicSampler sampler(17);
  CHECK_FALSE(sampler.keeps("hello"));
  CHECK_FALSE(sampler.keeps("world"));
  CHECK(sampler.keeps("this5"));
  CHECK(Sha1::first_word("4bf92f3577b34da6a3ce929d0e0e4736") == 299056892);
  CHECK(Sha1::first_word("0af7651916cd43dd8448eb211c80319c") == 170162541);
  CHECK(Sha1::first_word("5b8efff798038103d269b633813fc60c") == 3795313493);
  CHECK(DeterministicSampler(10).keeps("4bf92f3577b34da6a3ce929d0e0e4736"));
  CHECK_FALSE(sampler.keeps("4bf92f3577b34da6a3ce929d0e0e4736"));
  CHECK(sampler.keeps("0af7651916cd43dd8448eb211c80319c"));
  CHECK_FALSE(DeterministicSampler(2).keeps("5b8efff798038103d269b633813fc60c"));
  CHECK(DeterministicSampler(1).keeps("5b8efff798038103d269b633813fc60c"));
}

TEST_CASE("it says what it does") {
  CHECK(DeterministicSampler(17).description() == "DeterministicSampler{17}");
}
