// When a flush is over.
#include <doctest/doctest.h>

#include <waggle/pipeline/flush_line.hpp>

using waggle::detail::FlushLine;

TEST_CASE("nobody asked, so nothing is flushing") {
  FlushLine line;
  line.begin(1);
  line.advance(5, 10, 3);
  CHECK_FALSE(line.is_flushing());
  CHECK(line.done() == 0);
}

TEST_CASE("a flush is over once all rings were looked at and all that was found is settled") {
  FlushLine line;
  line.ask(1);
  CHECK(line.is_flushing());
  line.begin(3);
  line.advance(2, 10, 10);  // all is settled, but not all rings were looked at
  CHECK(line.is_flushing());
  line.advance(3, 12, 11);
  CHECK(line.is_flushing());
  line.advance(3, 12, 12);
  CHECK_FALSE(line.is_flushing());
  CHECK(line.done() == 1);
}

TEST_CASE("an empty pipeline is flushed by one look at the rings") {
  FlushLine line;
  line.ask(1);
  line.begin(1);
  line.advance(1, 0, 0);
  CHECK(line.done() == 1);
}

TEST_CASE("what is collected later does not hold a flush up") {
  FlushLine line;
  line.ask(1);
  line.begin(1);
  line.advance(1, 100, 0);
  line.advance(2, 500, 99);
  CHECK(line.done() == 0);
  line.advance(3, 900, 100);
  CHECK(line.done() == 1);
}

TEST_CASE("a flush asked for meanwhile needs a look at the rings of its own") {
  FlushLine line;
  line.ask(1);
  line.begin(1);
  line.advance(1, 10, 0);
  line.ask(2);
  line.begin(2);  // too early: the first is not over
  line.advance(2, 20, 10);
  CHECK(line.done() == 1);
  CHECK(line.is_flushing());

  line.begin(3);
  line.advance(2, 25, 25);
  CHECK(line.done() == 1);
  line.advance(3, 30, 29);
  CHECK(line.done() == 1);
  line.advance(3, 30, 30);
  CHECK(line.done() == 2);
  CHECK_FALSE(line.is_flushing());
}

TEST_CASE("those asked for together are done together") {
  FlushLine line;
  line.ask(1);
  line.begin(1);
  line.ask(2);
  line.ask(4);
  line.ask(3);  // says less than what is known
  line.advance(1, 0, 0);
  CHECK(line.done() == 1);
  line.begin(2);
  line.advance(2, 0, 0);
  CHECK(line.done() == 4);
}

TEST_CASE("asking again for what is done begins nothing") {
  FlushLine line;
  line.ask(1);
  line.begin(1);
  line.advance(1, 0, 0);
  line.ask(1);
  line.ask(0);
  CHECK_FALSE(line.is_flushing());
}
