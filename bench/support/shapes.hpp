// Spans as programs have them: an HTTP request, a query with its statement, many small ones, a
// large one. Each call makes one.
#ifndef WAGGLE_BENCH_SUPPORT_SHAPES_HPP
#define WAGGLE_BENCH_SUPPORT_SHAPES_HPP

#include <cstdint>
#include <string>
#include <waggle/trace.hpp>

namespace bench {

// Two whole numbers, a double, a boolean and two texts.
inline void make_six_attributes(std::uint64_t number) {
  static const std::string customer(20, 'c');
  waggle::Span span{"checkout"};
  span.set_attribute("order.id", number);
  span.set_attribute("order.items", static_cast<std::int64_t>(number % 17));
  span.set_attribute("order.price", static_cast<double>(number % 9973) * 0.25);
  span.set_attribute("order.paid", number % 2 == 0);
  span.set_attribute("customer", customer);
  span.set_attribute("http.route", "/checkout/:id");
}

inline void make_http_request(std::uint64_t number) {
  static const std::string user_agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101";
  waggle::Span span{"GET /api/orders/{id}"};
  span.set_attribute("http.request.method", "GET");
  span.set_attribute("http.route", "/api/orders/{id}");
  span.set_attribute("url.path", std::string("/api/orders/") + std::to_string(number));
  span.set_attribute("http.response.status_code", number % 50 == 0 ? 404 : 200);
  span.set_attribute("server.address", "shop.example.com");
  span.set_attribute("user_agent.original", user_agent);
}

inline void make_query(std::uint64_t number) {
  static const std::string statement =
      "SELECT o.id, o.placed_at, o.total, c.name, c.email FROM orders o JOIN customers c ON c.id = "
      "o.customer_id WHERE o.status = $1 AND o.placed_at > $2 AND c.region IN ($3, $4, $5) ORDER "
      "BY "
      "o.placed_at DESC LIMIT 50";
  waggle::Span span{"SELECT orders"};
  span.set_attribute("db.system.name", "postgresql");
  span.set_attribute("db.namespace", "shop");
  span.set_attribute("db.query.text", statement);
  span.set_attribute("db.response.returned_rows", static_cast<std::int64_t>(number % 51));
}

inline void make_small(std::uint64_t) { const waggle::Span span{"parse"}; }

inline void make_large(std::uint64_t number) {
  waggle::Span span{"render report"};
  for (int i = 0; i < 8; ++i) {
    span.set_attribute("section.0" + std::to_string(i) + ".title", "quarterly figures by region");
    span.set_attribute("section.0" + std::to_string(i) + ".rows",
                       static_cast<std::int64_t>(number + static_cast<std::uint64_t>(i)));
    span.add_event("section rendered", {{"rows", static_cast<std::int64_t>(number % 997)}});
  }
}

}  // namespace bench

#endif  // WAGGLE_BENCH_SUPPORT_SHAPES_HPP
