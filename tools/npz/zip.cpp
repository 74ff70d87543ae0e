#include "tools/npz/zip.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace dlc::npz {
namespace {

constexpr uint32_t localMark = 0x04034b50, memberMark = 0x02014b50, endMark = 0x06054b50;
constexpr uint32_t end64Mark = 0x06064b50, locator64Mark = 0x07064b50;
constexpr uint16_t extra64 = 1; // ID of the ZIP64 extra field
constexpr uint64_t full32 = 0xffffffff;

/// Little-endian numbers from bytes, never past the end: a read outside sets `bad`.
struct Reader {
  const std::vector<char> &file;
  uint64_t at;
  bool bad = false;

  uint64_t number(int bytes) {
    if (at > file.size() || file.size() - at < static_cast<uint64_t>(bytes)) {
      bad = true;
      return 0;
    }
    uint64_t value = 0;
    for (int i = 0; i < bytes; ++i) value |= uint64_t(static_cast<unsigned char>(file[at + i])) << (8 * i);
    at += bytes;
    return value;
  }
  std::string text(uint64_t size) {
    if (at > file.size() || file.size() - at < size) {
      bad = true;
      return "";
    }
    at += size;
    return std::string(file.data() + at - size, size);
  }
  void skip(uint64_t size) {
    if (file.size() - std::min<uint64_t>(at, file.size()) < size)
      bad = true;
    else
      at += size;
  }
};

/// Where the central directory starts and how many members it has.
bool findDirectory(const std::vector<char> &file, uint64_t &start, uint64_t &count) {
  constexpr uint64_t endSize = 22, longestComment = 0xffff;
  if (file.size() < endSize) return false;
  uint64_t lowest = file.size() - std::min<uint64_t>(file.size(), endSize + longestComment);
  for (uint64_t at = file.size() - endSize + 1; at-- > lowest;) {
    Reader end{file, at};
    if (end.number(4) != endMark) continue;
    end.skip(6);
    count = end.number(2);
    end.skip(4);
    start = end.number(4);
    if (count != 0xffff && start != full32) return !end.bad;
    Reader locator{file, at < 20 ? file.size() : at - 20};
    if (locator.number(4) != locator64Mark) return false;
    locator.skip(4);
    Reader end64{file, locator.number(8)};
    if (end64.number(4) != end64Mark) return false;
    end64.skip(28);
    count = end64.number(8);
    end64.skip(8);
    start = end64.number(8);
    return !end64.bad && !locator.bad;
  }
  return false;
}

/// Sizes that stand in the ZIP64 extra field because they do not fit 32 bits.
void readExtra64(Reader extra, uint64_t end, ZipMember &member) {
  while (!extra.bad && extra.at + 4 <= end) {
    uint64_t id = extra.number(2), size = extra.number(2);
    if (id != extra64) {
      extra.skip(size);
      continue;
    }
    for (uint64_t *field : {&member.size, &member.compressedSize, &member.headerOffset})
      if (*field == full32) *field = extra.number(8);
    return;
  }
}

} // namespace

std::string listZip(const std::vector<char> &file, std::vector<ZipMember> &members) {
  uint64_t start = 0, count = 0;
  if (!findDirectory(file, start, count)) return "is no zip archive";
  Reader in{file, start};
  for (uint64_t i = 0; i < count; ++i) {
    ZipMember member;
    if (in.number(4) != memberMark || in.bad) return "has a damaged zip directory";
    in.skip(4);
    uint64_t flags = in.number(2);
    member.method = static_cast<uint16_t>(in.number(2));
    in.skip(4);
    member.crc = static_cast<uint32_t>(in.number(4));
    member.compressedSize = in.number(4);
    member.size = in.number(4);
    uint64_t nameSize = in.number(2), extraSize = in.number(2), commentSize = in.number(2);
    in.skip(8);
    member.headerOffset = in.number(4);
    member.name = in.text(nameSize);
    readExtra64(in, in.at + extraSize, member);
    in.skip(extraSize);
    in.skip(commentSize);
    if (in.bad) return "has a damaged zip directory";
    if (flags & 1) return "has an encrypted member";
    members.push_back(std::move(member));
  }
  return "";
}

std::string extract(const std::vector<char> &file, const ZipMember &member, std::vector<char> &bytes) {
  Reader header{file, member.headerOffset};
  if (header.number(4) != localMark) return "has a damaged member";
  header.skip(22);
  uint64_t nameSize = header.number(2), extraSize = header.number(2);
  header.skip(nameSize);
  header.skip(extraSize);
  if (header.bad || member.compressedSize > file.size() - header.at)
    return "ends before its member '" + member.name + "'";
  const char *data = file.data() + header.at;
  // Deflate makes bytes at most 1032 times as many.
  if (member.size / 1032 > member.compressedSize) return "has a damaged member";
  if (member.method == 0) {
    if (member.size != member.compressedSize) return "has a damaged member";
    bytes.assign(data, data + member.size);
  } else if (member.method == 8) {
    bytes.resize(member.size);
    z_stream stream{};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return "cannot be decompressed";
    uint64_t in = 0, out = 0;
    int status = Z_OK;
    while (status == Z_OK) {
      uint64_t inPiece = std::min<uint64_t>(member.compressedSize - in, 1 << 30);
      uint64_t outPiece = std::min<uint64_t>(member.size - out, 1 << 30);
      char none = 0; // zlib wants a place to write even when nothing is left to write
      stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(data + in));
      stream.avail_in = static_cast<uInt>(inPiece);
      stream.next_out = reinterpret_cast<Bytef *>(outPiece ? bytes.data() + out : &none);
      stream.avail_out = static_cast<uInt>(outPiece ? outPiece : 1);
      uInt outBefore = stream.avail_out;
      status = inflate(&stream, Z_NO_FLUSH);
      in += inPiece - stream.avail_in;
      uint64_t made = outBefore - stream.avail_out;
      if (made > outPiece) status = Z_DATA_ERROR;
      out += std::min(made, outPiece);
    }
    inflateEnd(&stream);
    if (status != Z_STREAM_END || out != member.size) return "has a damaged member";
  } else {
    return "has a member of an unknown compression";
  }
  uLong crc = crc32_z(0, reinterpret_cast<const Bytef *>(bytes.data()), bytes.size());
  return crc == member.crc ? "" : "has a damaged member '" + member.name + "' (CRC)";
}

ZipWriter::ZipWriter(const std::string &path) : path(path), file(std::fopen(path.c_str(), "wb")) {
  if (!file) error = std::strerror(errno);
}
ZipWriter::~ZipWriter() {
  if (file) std::fclose(file);
}

void ZipWriter::put(const void *data, uint64_t size) {
  if (file && size && std::fwrite(data, 1, size, file) != size && error.empty()) error = std::strerror(errno);
  offset += size;
}
void ZipWriter::put16(uint16_t value) {
  unsigned char bytes[2] = {static_cast<unsigned char>(value), static_cast<unsigned char>(value >> 8)};
  put(bytes, 2);
}
void ZipWriter::put32(uint32_t value) {
  put16(static_cast<uint16_t>(value));
  put16(static_cast<uint16_t>(value >> 16));
}
void ZipWriter::put64(uint64_t value) {
  put32(static_cast<uint32_t>(value));
  put32(static_cast<uint32_t>(value >> 32));
}

void ZipWriter::add(const std::string &name, const std::string &head, const char *body, uint64_t bodySize) {
  ZipMember member{name, 0, 0, head.size() + bodySize, head.size() + bodySize, offset};
  uLong crc = crc32_z(0, reinterpret_cast<const Bytef *>(head.data()), head.size());
  // crc32_z forgets the sum when it gets no buffer.
  if (bodySize) crc = crc32_z(crc, reinterpret_cast<const Bytef *>(body), bodySize);
  member.crc = static_cast<uint32_t>(crc);
  put32(localMark);
  put16(45);    // ZIP64
  put16(0x800); // the name is UTF-8
  put16(0);
  put32(0x00210000); // 1980-01-01, always: the same arrays give the same bytes
  put32(member.crc);
  put32(full32);
  put32(full32);
  put16(static_cast<uint16_t>(name.size()));
  put16(20);
  put(name.data(), name.size());
  put16(extra64);
  put16(16);
  put64(member.size);
  put64(member.compressedSize);
  put(head.data(), head.size());
  put(body, bodySize);
  members.push_back(std::move(member));
}

std::string ZipWriter::finish() {
  uint64_t start = offset;
  for (const ZipMember &member : members) {
    put32(memberMark);
    put16(45);
    put16(45);
    put16(0x800);
    put16(0);
    put32(0x00210000);
    put32(member.crc);
    put32(full32);
    put32(full32);
    put16(static_cast<uint16_t>(member.name.size()));
    put16(28);
    put16(0);
    put16(0);
    put16(0);
    put32(0);
    put32(full32);
    put(member.name.data(), member.name.size());
    put16(extra64);
    put16(24);
    put64(member.size);
    put64(member.compressedSize);
    put64(member.headerOffset);
  }
  uint64_t end64 = offset, size = end64 - start;
  put32(end64Mark);
  put64(44);
  put16(45);
  put16(45);
  put32(0);
  put32(0);
  put64(members.size());
  put64(members.size());
  put64(size);
  put64(start);
  put32(locator64Mark);
  put32(0);
  put64(end64);
  put32(1);
  put32(endMark);
  put16(0);
  put16(0);
  put16(0xffff);
  put16(0xffff);
  put32(full32);
  put32(full32);
  put16(0);
  if (file && std::fclose(file) && error.empty()) error = std::strerror(errno);
  file = nullptr;
  return error.empty() ? "" : path + ": " + error;
}

} // namespace dlc::npz
