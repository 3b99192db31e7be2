// gzip and zstd, told by their first bytes, unpacked in memory piece by piece under a bound.
#include <zlib.h>
#include <zstd.h>

#include <memory>
#include <vector>

#include "base/error.h"
#include "data/records.h"

namespace r1 {
namespace {

constexpr size_t kPiece = 1u << 20;
constexpr std::string_view kGzip = "\x1F\x8B", kZstd = "\x28\xB5\x2F\xFD";

// What was packed by hand to fill the memory: a small file that grows without end.
void check_growth(uint64_t packed, uint64_t grown, uint64_t most, const std::string& name) {
  constexpr uint64_t kFree = 64u << 20, kRatio = 200;
  if (grown > most) fail("{}: unpacks to more than {} bytes", name, most);
  if (grown > kFree && grown / kRatio > packed)
    fail("{}: {} bytes unpack to more than {}; no text packs like that", name, packed, grown);
}

std::string unpack_gzip(std::string_view bytes, const std::string& name, uint64_t most) {
  z_stream z{};
  constexpr int kWindowOfGzip = 15 + 16;
  R1_CHECK(inflateInit2(&z, kWindowOfGzip) == Z_OK);
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&z, inflateEnd);
  std::string out;
  std::vector<char> piece(kPiece);
  size_t at = 0;
  int status = Z_OK;
  while (status != Z_STREAM_END || at < bytes.size()) {
    if (status == Z_STREAM_END) {  // members follow one another; padding does not
      if (bytes[at] == '\0') break;
      inflateReset(&z);
    }
    const size_t given = std::min(bytes.size() - at, kPiece);
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data() + at));
    z.avail_in = static_cast<uInt>(given);
    z.next_out = reinterpret_cast<Bytef*>(piece.data());
    z.avail_out = static_cast<uInt>(kPiece);
    status = inflate(&z, Z_NO_FLUSH);
    at += given - z.avail_in;
    out.append(piece.data(), kPiece - z.avail_out);
    check_growth(bytes.size(), out.size(), most, name);
    if (status == Z_BUF_ERROR && at >= bytes.size()) fail("{}: the gzip stream ends early at byte {}", name, at);
    if (status != Z_OK && status != Z_STREAM_END)
      fail("{}: damaged gzip near byte {} ({})", name, at, z.msg != nullptr ? z.msg : "no more is known");
  }
  return out;
}

std::string unpack_zstd(std::string_view bytes, const std::string& name, uint64_t most) {
  const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  R1_CHECK(context != nullptr);
  std::string out;
  std::vector<char> piece(kPiece);
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  for (size_t left = 1; left != 0 || in.pos < in.size;) {
    ZSTD_outBuffer made{piece.data(), piece.size(), 0};
    const size_t before = in.pos;
    left = ZSTD_decompressStream(context.get(), &made, &in);
    if (ZSTD_isError(left)) fail("{}: damaged zstd near byte {} ({})", name, in.pos, ZSTD_getErrorName(left));
    out.append(piece.data(), made.pos);
    check_growth(bytes.size(), out.size(), most, name);
    if (left != 0 && made.pos == 0 && in.pos == before) fail("{}: the zstd stream ends early at byte {}", name, in.pos);
  }
  return out;
}

}  // namespace

bool is_packed(std::string_view bytes) { return bytes.starts_with(kGzip) || bytes.starts_with(kZstd); }

std::string unpacked(std::string_view bytes, const std::string& name, uint64_t most) {
  if (bytes.starts_with(kGzip)) return unpack_gzip(bytes, name, most);
  if (bytes.starts_with(kZstd)) return unpack_zstd(bytes, name, most);
  return std::string(bytes);
}

}  // namespace r1
