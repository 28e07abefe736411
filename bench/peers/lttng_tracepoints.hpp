// The two tracepoints that stand for a span, as LTTng-UST wants them declared.
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER waggle_bench

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "peers/lttng_tracepoints.hpp"

#if !defined(WAGGLE_BENCH_PEERS_LTTNG_TRACEPOINTS_HPP) || \
    defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define WAGGLE_BENCH_PEERS_LTTNG_TRACEPOINTS_HPP

#include <lttng/tracepoint.h>

#include <cstdint>

LTTNG_UST_TRACEPOINT_EVENT(waggle_bench, span_start,
                           LTTNG_UST_TP_ARGS(const char*, name, std::uint64_t, id),
                           LTTNG_UST_TP_FIELDS(lttng_ust_field_string(name, name)
                                                   lttng_ust_field_integer(std::uint64_t, id, id)))

LTTNG_UST_TRACEPOINT_EVENT(waggle_bench, span_end, LTTNG_UST_TP_ARGS(std::uint64_t, id),
                           LTTNG_UST_TP_FIELDS(lttng_ust_field_integer(std::uint64_t, id, id)))

LTTNG_UST_TRACEPOINT_EVENT(
    waggle_bench, span_end_with_four,
    LTTNG_UST_TP_ARGS(std::uint64_t, id, std::int64_t, order, double, price, int, paid, const char*,
                      customer),
    LTTNG_UST_TP_FIELDS(lttng_ust_field_integer(std::uint64_t, id, id)
                            lttng_ust_field_integer(std::int64_t, order, order)
                                lttng_ust_field_float(double, price, price)
                                    lttng_ust_field_integer(int, paid, paid)
                                        lttng_ust_field_string(customer, customer)))

#endif  // WAGGLE_BENCH_PEERS_LTTNG_TRACEPOINTS_HPP

#include <lttng/tracepoint-event.h>
