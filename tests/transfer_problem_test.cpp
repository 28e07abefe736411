#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <waggle/http/transfer_problem.hpp>

namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

TEST_CASE("certificate troubles are told apart in every TLS library's words") {
  const struct {
    const char* words;
    const char* meaning;
  } cases[] = {
      {"SSL certificate problem: certificate has expired", "expired"},
      {"server certificate expiration date has passed.", "expired"},
      {"SSL certificate problem: certificate is not yet valid", "not valid yet"},
      {"SSL: no alternative certificate subject name matches target host name 'a'", "another name"},
      {"SSL: certificate subject name (a) does not match target host name 'b'", "another name"},
      {"SSL certificate problem: unable to get local issuer certificate", "issuer is not trusted"},
      {"SSL certificate problem: self-signed certificate", "issuer is not trusted"},
      {"SSL certificate problem: self signed certificate in certificate chain",
       "issuer is not trusted"},
      {"server certificate verification failed. CAfile: none CRLfile: none",
       "issuer is not trusted"},
      {"SSL certificate problem: unable to verify the first certificate", "intermediate"},
      {"SSL certificate problem: certificate revoked", "revoked"},
      {"SSL certificate problem: excluded subtree violation", "could not be verified"},
  };
  for (const auto& row : cases) {
    CAPTURE(std::string(row.words));
    CHECK(contains(waggle::detail::certificate_meaning(row.words), row.meaning));
  }
}

TEST_CASE("broken handshakes are told apart by the TLS library's words") {
  using waggle::detail::handshake_meaning;
  CHECK(contains(handshake_meaning("error:0A00010B:SSL routines::wrong version number"), "https"));
  CHECK(contains(handshake_meaning("error:0A000102:SSL routines::unsupported protocol"), "1.2"));
  CHECK(contains(handshake_meaning("tlsv13 alert certificate required"), "client certificate"));
  CHECK(contains(handshake_meaning("OpenSSL SSL_connect: SSL_ERROR_SYSCALL"), "cut"));
}

TEST_CASE("every problem has words of its own, and ends with the library's in brackets") {
  using waggle::detail::TransferProblem;
  std::string seen;
  for (int number = 0; number <= static_cast<int>(TransferProblem::OutOfMemory); ++number) {
    const auto problem = static_cast<TransferProblem>(number);
    const std::string words = waggle::detail::describe({problem, "hive:1", "because"});
    CAPTURE(words);
    CHECK_FALSE(contains(seen, words));
    CHECK(contains(words, " (because)"));
    CHECK_FALSE(contains(waggle::detail::describe({problem, "hive:1", ""}), "because"));
    seen += words;
  }
}
