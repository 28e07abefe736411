// One rule of a RuleSampler: what it is about, and what becomes of a trace that it fits.
#ifndef WAGGLE_SAMPLING_SAMPLING_RULE_HPP
#define WAGGLE_SAMPLING_SAMPLING_RULE_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "waggle/sampling/threshold.hpp"
#include "waggle/sdk/sampler.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Tells whether `text` is `pattern`, in which each `*` stands for any text, also none.
inline bool fits_pattern(std::string_view text, std::string_view pattern) noexcept {
  std::size_t in_text = 0;
  std::size_t in_pattern = 0;
  std::size_t star = pattern.npos;  // the last one so far, and what it stands for ends here
  std::size_t star_end = 0;
  while (in_text < text.size()) {
    if (in_pattern < pattern.size() && pattern[in_pattern] == '*') {
      star = in_pattern++;
      star_end = in_text;
    } else if (in_pattern < pattern.size() && pattern[in_pattern] == text[in_text]) {
      ++in_pattern;
      ++in_text;
    } else if (star != pattern.npos) {
      in_pattern = star + 1;
      in_text = ++star_end;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', in_pattern) == pattern.npos;
}

// What an attribute has to be like.
struct AttributeCondition {
  enum class Kind { Exists, Equals, Fits, AtLeast, LessThan };

  Kind kind;
  std::string key;
  Word word{};         // to compare with, unless it is text
  std::string text{};  // the same, or the pattern

  // The last of equal keys counts, as it does when the span is exported.
  bool holds(Attributes attributes) const noexcept {
    const AttributeValue* value = nullptr;
    for (const Attribute& attribute : attributes) {
      if (attribute.key == key) value = &attribute.value;
    }
    return value != nullptr && holds(*value);
  }

 private:
  bool holds(const AttributeValue& value) const noexcept {
    switch (kind) {
      case Kind::Exists:
        return true;
      case Kind::Equals:
        return word.tag == ValueTag::Text ? value.tag() == ValueTag::Text && value.text() == text
                                          : value.tag() == word.tag && value.word() == word.bits;
      case Kind::Fits:
        return value.tag() == ValueTag::Text && fits_pattern(value.text(), text);
      case Kind::AtLeast:
        return is_number(value) && number(value.tag(), value.word()) >= limit();
      case Kind::LessThan:
        return is_number(value) && number(value.tag(), value.word()) < limit();
    }
    return false;
  }

  static bool is_number(const AttributeValue& value) noexcept {
    return value.is_word() && value.tag() != ValueTag::Boolean;
  }

  double limit() const noexcept { return number(word.tag, word.bits); }

  static double number(ValueTag tag, std::uint64_t bits) noexcept {
    if (tag == ValueTag::Int64) return static_cast<double>(static_cast<std::int64_t>(bits));
    if (tag == ValueTag::Unsigned) return static_cast<double>(bits);
    double value = 0;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  }
};

}  // namespace detail

// Says what becomes of the traces whose first span in this process fits: kept, dropped, or one in N
// of them kept. Conditions are added one behind the other and all have to hold; none hold always.
//
//   SamplingRule::one_in(10).name("GET /api/*").kind(SpanKind::Server).attribute("tier", "free")
class SamplingRule {
 public:
  static SamplingRule keep() { return one_in(1); }
  static SamplingRule drop() { return one_in(0); }

  // Keeps one of `rate` traces; 0 stands for none.
  static SamplingRule one_in(std::uint32_t rate) { return SamplingRule(rate); }

  // Leaves it to another sampler, such as a RateLimitingSampler.
  static SamplingRule ask(std::shared_ptr<const Sampler> sampler) {
    SamplingRule rule(1);
    rule.sampler_ = std::move(sampler);
    return rule;
  }

  // The span's name is `pattern`, in which `*` stands for any text.
  SamplingRule name(std::string_view pattern) && {
    name_ = pattern;
    has_name_ = true;
    return std::move(*this);
  }

  SamplingRule kind(SpanKind kind) && {
    kind_ = kind;
    has_kind_ = true;
    return std::move(*this);
  }

  // The span has, at its start, an attribute of that key; with that value, of the same type.
  SamplingRule has_attribute(std::string_view key) && {
    return std::move(*this).with({detail::AttributeCondition::Kind::Exists, std::string(key)});
  }
  template <class T>
  SamplingRule attribute(std::string_view key, const T& value) && {
    using Kind = detail::AttributeCondition::Kind;
    if constexpr (detail::is_text_v<T>) {
      return std::move(*this).with({Kind::Equals,
                                    std::string(key),
                                    {ValueTag::Text, 0},
                                    std::string(detail::to_text(value))});
    } else {
      return std::move(*this).with({Kind::Equals, std::string(key), detail::to_word(value)});
    }
  }

  // The attribute is text that fits `pattern`, in which `*` stands for any text.
  SamplingRule attribute_like(std::string_view key, std::string_view pattern) && {
    return std::move(*this).with({detail::AttributeCondition::Kind::Fits,
                                  std::string(key),
                                  {ValueTag::Text, 0},
                                  std::string(pattern)});
  }

  // The attribute is a number of any type, and at least `least`; or below `limit`.
  SamplingRule attribute_at_least(std::string_view key, double least) && {
    return std::move(*this).with(
        {detail::AttributeCondition::Kind::AtLeast, std::string(key), detail::to_word(least)});
  }
  SamplingRule attribute_below(std::string_view key, double limit) && {
    return std::move(*this).with(
        {detail::AttributeCondition::Kind::LessThan, std::string(key), detail::to_word(limit)});
  }

  // Tells whether the rule is about this trace.
  bool fits(const RootRequest& request) const noexcept {
    if (has_name_ && !detail::fits_pattern(request.name, name_)) return false;
    if (has_kind_ && request.kind != kind_) return false;
    for (const detail::AttributeCondition& condition : conditions_) {
      if (!condition.holds(request.attributes)) return false;
    }
    return true;
  }

  // Decides about a trace that it fits.
  void decide(const RootRequest& request, RootDecision& decision) const noexcept {
    if (sampler_ != nullptr) return sampler_->decide(request, decision);
    detail::decide_by_threshold(request, threshold_, decision);
  }

  void maintain(TimePoint now) const noexcept {
    if (sampler_ != nullptr) sampler_->maintain(now);
  }

 private:
  explicit SamplingRule(std::uint32_t rate) : threshold_(threshold_of_rate(rate)) {}

  SamplingRule with(detail::AttributeCondition condition) && {
    conditions_.push_back(std::move(condition));
    return std::move(*this);
  }

  std::uint64_t threshold_;
  std::shared_ptr<const Sampler> sampler_;
  std::string name_;
  SpanKind kind_ = SpanKind::Internal;
  bool has_name_ = false;
  bool has_kind_ = false;
  std::vector<detail::AttributeCondition> conditions_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SAMPLING_SAMPLING_RULE_HPP
