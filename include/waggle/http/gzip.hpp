// Compresses request bodies: one deflate stream, made once and reset for each body, writing the
// gzip format (RFC 1952). The only header that needs zlib. Not thread-safe; one object per worker.
#ifndef WAGGLE_HTTP_GZIP_HPP
#define WAGGLE_HTTP_GZIP_HPP

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>

namespace waggle {
inline namespace abi1 {

// Keeps a deflate stream (about 256 KB) and compresses one body after another with it.
class Gzip {
 public:
  // Makes the stream. Level 1 is fastest, 9 smallest; JSON spans shrink about tenfold at 3.
  explicit Gzip(int level = 3) noexcept {
    constexpr int kGzipWindow =
        15 + 16;  // largest window; 16 asks for gzip instead of zlib framing
    constexpr int kMemoryLevel = 8;
    made_ = deflateInit2(&stream_, level, Z_DEFLATED, kGzipWindow, kMemoryLevel,
                         Z_DEFAULT_STRATEGY) == Z_OK;
  }

  // The stream points back at this object, so it can be neither copied nor moved.
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  ~Gzip() {
    if (made_) deflateEnd(&stream_);
  }

  // Replaces `output` by the compressed `input`, reusing its capacity. Returns false, with `output`
  // empty, if zlib has no memory or refused the level; the caller then sends the body as it is.
  // `output` must not be `input`.
  bool compress(const std::string& input, std::string& output) noexcept {
    output.clear();
    if (!made_ || deflateReset(&stream_) != Z_OK) return false;
    const std::size_t written = deflate_all(input, output);
    output.resize(written);
    return written != 0;
  }

 private:
  static constexpr std::size_t kFirstCapacity = 16 * 1024;

  // Returns the size of the complete stream in `output`, or 0 if it could not be finished.
  std::size_t deflate_all(const std::string& input, std::string& output) noexcept {
    output.resize((std::max)(output.capacity(), kFirstCapacity));
    std::size_t read = 0;
    std::size_t written = 0;
    for (;;) {
      const uInt room_in = countable(input.size() - read);
      const uInt room_out = countable(output.size() - written);
      // zlib never writes through next_in; it is only const when ZLIB_CONST is defined.
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data() + read));
      stream_.avail_in = room_in;
      stream_.next_out = reinterpret_cast<Bytef*>(&output[written]);
      stream_.avail_out = room_out;
      const bool last = room_in == input.size() - read;
      const int state = deflate(&stream_, last ? Z_FINISH : Z_NO_FLUSH);
      read += room_in - stream_.avail_in;
      written += room_out - stream_.avail_out;
      if (state == Z_STREAM_END) return written;
      if (state != Z_OK && state != Z_BUF_ERROR) return 0;
      if (written == output.size()) output.resize(output.size() * 2);
    }
  }

  // zlib counts in 32 bits; longer pieces are fed in turns.
  static uInt countable(std::size_t size) noexcept {
    return static_cast<uInt>((std::min<std::size_t>)(size, (std::numeric_limits<uInt>::max)()));
  }

  z_stream stream_{};
  bool made_ = false;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_HTTP_GZIP_HPP
