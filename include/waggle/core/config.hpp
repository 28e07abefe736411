// Compiler hints used by every other header. None of them changes a type's layout or an inline
// function's meaning, so files compiled with different flags can be linked together.
#ifndef WAGGLE_CORE_CONFIG_HPP
#define WAGGLE_CORE_CONFIG_HPP

#if !defined(__GNUC__)
#error "waggle needs g++ or clang: it uses their atomic and thread-local builtins"
#endif

#define WAGGLE_LIKELY(condition) __builtin_expect(static_cast<bool>(condition), true)
#define WAGGLE_UNLIKELY(condition) __builtin_expect(static_cast<bool>(condition), false)

// Folded into the call site: bodies that shrink to a few instructions once their arguments are
// known.
#define WAGGLE_INLINE inline __attribute__((always_inline))
// Kept out of the call site, but expected to run often.
#define WAGGLE_OUT_OF_LINE inline __attribute__((noinline))
// Kept out of the call site and out of the hot text: the rare branch of a hot function.
#define WAGGLE_COLD inline __attribute__((noinline, cold))

// The inline namespace of what is made of spans: with WAGGLE_DISABLED other classes, hence another
// one.
#ifdef WAGGLE_DISABLED
#define WAGGLE_SPANS_NAMESPACE disabled1
#else
#define WAGGLE_SPANS_NAMESPACE abi1
#endif

#endif  // WAGGLE_CORE_CONFIG_HPP
