#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>
#include <waggle/collect/scope_table.hpp>

#include "support/recording.hpp"

using waggle::Attributes;
using waggle::AttributeView;
using waggle::Bytes;
using waggle::RecordedSpan;
using waggle::Scope;
using waggle::ScopeView;
using waggle::Span;
using waggle::detail::ScopeTable;
using waggle_test::Recording;

namespace {

std::vector<std::string> keys_of(const ScopeView& scope) {
  std::vector<std::string> keys;
  for (const AttributeView& attribute : scope.attributes.elements()) {
    keys.emplace_back(attribute.key);
  }
  return keys;
}

}  // namespace

TEST_CASE("T3: a scope's name, version, schema URL and attributes go with each of its spans") {
  const std::string team = "payments";
  const Scope scope("billing", "1.2", "https://example.com/schema",
                    {{"team", team}, {"tier", 1}, {"critical", true}, {"share", 0.5}});
  Recording recording;
  { const Span span{scope, "charge"}; }
  const RecordedSpan span = recording.find("charge");
  CHECK(span.scope_name == "billing");
  CHECK(span.scope_version == "1.2");
  CHECK(span.scope_schema_url == "https://example.com/schema");
  REQUIRE(span.scope_attributes.size() == 4);
  CHECK(span.scope_attributes.at("team") == "payments");
  CHECK(span.scope_attributes.at("tier") == 1);
  CHECK(span.scope_attributes.at("critical") == true);
  CHECK(span.scope_attributes.at("share") == 0.5);
}

TEST_CASE("J22: scopes that differ only by attributes or schema URL are not the same") {
  ScopeTable table;
  const Scope plain("a", "1");
  const Scope with_url("a", "1", "url");
  const Scope red("a", "1", "", {{"colour", "red"}});
  const Scope blue("a", "1", "", {{"colour", "blue"}});
  const Scope red_again("a", "1", "", {{"colour", "red"}});
  const std::vector<std::uint16_t> numbers = {table.intern(plain), table.intern(with_url),
                                              table.intern(red), table.intern(blue)};
  for (std::size_t left = 0; left < numbers.size(); ++left) {
    for (std::size_t right = 0; right < left; ++right) CHECK(numbers[left] != numbers[right]);
  }
  CHECK(table.intern(red_again) == numbers[2]);
}

TEST_CASE("J24: of a scope's equal keys the last one counts; J25: an empty key is dropped") {
  ScopeTable table;
  const Scope scope("a", "", "", {{"k", 1}, {"", 2}, {"l", 3}, {"k", 4}});
  const ScopeView view = table.view(table.intern(scope));
  CHECK(keys_of(view) == std::vector<std::string>{"l", "k"});
  CHECK((*view.attributes.elements().begin()).value.int64() == 3);
  CHECK(view.dropped_attributes == 1);
}

TEST_CASE("J23: what a scope has no room for is counted") {
  ScopeTable table;
  const std::string lengthy(300, 'x');
  const std::vector<int> list = {1, 2};
  const Scope scope("a", "", "",
                    {{"lengthy", lengthy},
                     {"list", list},
                     {"bytes", Bytes("\0\1", 2)},
                     {"none", waggle::Empty{}},
                     {lengthy, 1},
                     {"large", std::numeric_limits<std::uint64_t>::max()}});
  const ScopeView view = table.view(table.intern(scope));
  CHECK(keys_of(view) == std::vector<std::string>{"bytes", "none", "large"});
  CHECK(view.dropped_attributes == 3);
}

TEST_CASE("a name and a version that are too long are cut between characters") {
  std::string lengthy(207, 'n');
  lengthy += "\u00e4";
  const Scope scope(lengthy, "1");
  CHECK(scope.name() == lengthy.substr(0, 207));
  CHECK(scope.version() == "1");
}
