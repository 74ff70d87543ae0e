// Remarks: one per decision of the compiler, for people (text) and programs (JSON lines).
//
//   fused: /layer1/relu into k3_conv_bias_relu: epilogue of /layer1/conv [saves 3.21 us: read+write 6.42 MB]
//   scheduled: k4_matmul_gelu by matmul: matmul kind=f16 tile=128x64x32 ... [waves 1.000, ...]
//   missed: /norm/ReduceMean into k3_conv_bias: a reduction does not follow a contraction in one region
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dlc {

/// One figure that a decision rests on; `unit` is "us", "MB", "ops" or empty.
struct RemarkTerm {
  std::string name;
  double value;
  std::string unit;
};

struct Remark {
  enum class Kind { Fused, Missed, Changed, Disabled, Scheduled };
  Kind kind;
  std::string pass;     ///< "fuse-regions"
  std::string subject;  ///< what was decided about: the node path, else the op's name
  std::string object;   ///< what it was joined with or not, the family of a schedule; may be empty
  std::string category; ///< the fusion kind that --disable takes; may be empty
  std::string reason;   ///< lower case, no final period
  std::vector<RemarkTerm> terms;
};

/// Collects remarks in the order of the decisions. Without a format it drops them, so that nothing is
/// formatted that nobody reads.
class RemarkSink {
public:
  enum class Format { Text, Json };

  void enable(Format format) { this->format = format; }
  /// Whether anybody listens; callers may skip building a remark.
  explicit operator bool() const { return format.has_value(); }
  void add(Remark remark) {
    if (format) list.push_back(std::move(remark));
  }
  const std::vector<Remark> &all() const { return list; }
  /// Every remark as one line of the chosen format.
  std::string text() const;

private:
  std::optional<Format> format;
  std::vector<Remark> list;
};

/// "text" or "json".
std::optional<RemarkSink::Format> parseRemarkFormat(std::string_view name);

} // namespace dlc
