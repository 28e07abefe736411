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

// Says how far compressing came: the output is complete only when Finished, and empty when Failed.
enum class GzipProgress { Unfinished, Finished, Failed };

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
  bool compress(const std::string& input, std::string& output) {
    begin(input, output);
    GzipProgress progress = GzipProgress::Unfinished;
    while (progress == GzipProgress::Unfinished) progress = advance(input.size());
    return progress == GzipProgress::Finished;
  }

  // The same in steps: begin(), then advance() until it says something else than Unfinished. Both
  // texts have to stay where they are meanwhile.
  void begin(const std::string& input, std::string& output) noexcept {
    input_ = &input;
    output_ = &output;
    read_ = 0;
    written_ = 0;
    is_ready_ = made_ && deflateReset(&stream_) == Z_OK;
  }

  // Compresses about `bytes` more of the input.
  GzipProgress advance(std::size_t bytes) {
    if (!is_ready_) return finish(GzipProgress::Failed, 0);
    const std::size_t until = read_ + (std::min)(bytes, input_->size() - read_);
    for (;;) {
      const bool is_last = until == input_->size();
      const int state = deflate_some(until, is_last);
      if (state == Z_STREAM_END) return finish(GzipProgress::Finished, written_);
      if (state != Z_OK && state != Z_BUF_ERROR) return finish(GzipProgress::Failed, 0);
      const bool is_full = written_ == output_->size();
      if (!is_full && read_ == until && !is_last) return GzipProgress::Unfinished;
    }
  }

 private:
  static constexpr std::size_t kFirstCapacity = 16 * 1024;

  GzipProgress finish(GzipProgress progress, std::size_t size) {
    output_->resize(size);
    return progress;
  }

  int deflate_some(std::size_t until, bool is_last) {
    make_room();
    const uInt room_in = countable(until - read_);
    const uInt room_out = countable(output_->size() - written_);
    // zlib never writes through next_in; it is only const when ZLIB_CONST is defined.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input_->data() + read_));
    stream_.avail_in = room_in;
    stream_.next_out = reinterpret_cast<Bytef*>(&(*output_)[written_]);
    stream_.avail_out = room_out;
    const bool takes_all = room_in == until - read_;
    const int state = deflate(&stream_, is_last && takes_all ? Z_FINISH : Z_NO_FLUSH);
    read_ += room_in - stream_.avail_in;
    written_ += room_out - stream_.avail_out;
    return state;
  }

  void make_room() {
    if (written_ == 0) output_->resize((std::max)(output_->capacity(), kFirstCapacity));
    if (written_ == output_->size()) output_->resize(output_->size() * 2);
  }

  // zlib counts in 32 bits; longer pieces are fed in turns.
  static uInt countable(std::size_t size) noexcept {
    return static_cast<uInt>((std::min<std::size_t>)(size, (std::numeric_limits<uInt>::max)()));
  }

  z_stream stream_{};
  bool made_ = false;
  bool is_ready_ = false;
  const std::string* input_ = nullptr;
  std::string* output_ = nullptr;
  std::size_t read_ = 0;
  std::size_t written_ = 0;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_HTTP_GZIP_HPP
