// Real certificates for tests of TLS, made anew in each run: an authority of one's own, and
// certificates that are good, expired or for another name, as PEM files in a temporary directory.
#ifndef WAGGLE_TESTS_SUPPORT_CERTIFICATES_HPP
#define WAGGLE_TESTS_SUPPORT_CERTIFICATES_HPP

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

namespace waggle_test {

// A directory that goes away with this object.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string path = (std::filesystem::temp_directory_path() / "waggle-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) std::abort();
    path_ = path;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }

  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// What a certificate is to say. Times are in seconds from now.
struct CertificatePlan {
  std::string alternative_names = "IP:127.0.0.1,DNS:localhost";
  long valid_from = -3600;
  long valid_until = 3600;
};

// Where a certificate and its key are.
struct CertificateFiles {
  std::string certificate;
  std::string key;
};

// An authority: signs certificates, and is a file that clients may trust.
class CertificateAuthority {
 public:
  explicit CertificateAuthority(const std::string& name)
      : key_(new_key()), certificate_(new_certificate(name, key_.get(), {})) {
    add_extension(certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
    sign(certificate_.get());
    write_certificate(file(), certificate_.get());
  }

  // The PEM file to trust.
  std::string file() const { return directory_.file("authority.pem"); }

  // Makes a key and a certificate for `subject`, signed by this authority.
  CertificateFiles issue(const std::string& subject, const CertificatePlan& plan = {}) {
    const Key key = new_key();
    const Certificate certificate = new_certificate(subject, key.get(), plan);
    ::X509_set_issuer_name(certificate.get(), ::X509_get_subject_name(certificate_.get()));
    add_extension(certificate.get(), NID_subject_alt_name, plan.alternative_names.c_str());
    sign(certificate.get());
    const CertificateFiles files{directory_.file(subject + ".pem"),
                                 directory_.file(subject + ".key")};
    write_certificate(files.certificate, certificate.get());
    const File out(std::fopen(files.key.c_str(), "w"));
    if (!out ||
        ::PEM_write_PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
      std::abort();
    }
    return files;
  }

 private:
  template <auto Function>
  struct Release {
    template <class Object>
    void operator()(Object* object) const {
      Function(object);
    }
  };
  using Key = std::unique_ptr<EVP_PKEY, Release<::EVP_PKEY_free>>;
  using Certificate = std::unique_ptr<X509, Release<::X509_free>>;
  using File = std::unique_ptr<std::FILE, Release<std::fclose>>;

  static Key new_key() {
    Key key(::EVP_EC_gen("P-256"));
    if (!key) std::abort();
    return key;
  }

  static Certificate new_certificate(const std::string& subject, EVP_PKEY* key,
                                     const CertificatePlan& plan) {
    static long serial = 0;
    Certificate certificate(::X509_new());
    ::X509_set_version(certificate.get(), 2);  // which means version 3
    ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate.get()), ++serial);
    ::X509_gmtime_adj(::X509_getm_notBefore(certificate.get()), plan.valid_from);
    ::X509_gmtime_adj(::X509_getm_notAfter(certificate.get()), plan.valid_until);
    X509_NAME* const name = ::X509_get_subject_name(certificate.get());
    const auto* const text = reinterpret_cast<const unsigned char*>(subject.c_str());
    ::X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, -1, -1, 0);
    ::X509_set_issuer_name(certificate.get(), name);
    ::X509_set_pubkey(certificate.get(), key);
    return certificate;
  }

  static void add_extension(X509* certificate, int kind, const char* value) {
    X509_EXTENSION* const extension = ::X509V3_EXT_conf_nid(nullptr, nullptr, kind, value);
    ::X509_add_ext(certificate, extension, -1);
    ::X509_EXTENSION_free(extension);
  }

  void sign(X509* certificate) {
    if (::X509_sign(certificate, key_.get(), ::EVP_sha256()) == 0) std::abort();
  }

  static void write_certificate(const std::string& path, X509* certificate) {
    const File out(std::fopen(path.c_str(), "w"));
    if (!out || ::PEM_write_X509(out.get(), certificate) != 1) std::abort();
  }

  TemporaryDirectory directory_;
  Key key_;
  Certificate certificate_;
};

}  // namespace waggle_test

#endif  // WAGGLE_TESTS_SUPPORT_CERTIFICATES_HPP
