#include "tools/dlc_vcuda/report.h"

#include <algorithm>
#include <sstream>

namespace dlc::vcuda_tool {

static std::string place(const Json &d) {
  return "(" + std::to_string(d[0].get<unsigned>()) + "," + std::to_string(d[1].get<unsigned>()) + "," +
         std::to_string(d[2].get<unsigned>()) + ")";
}

static std::string source(const Json &f) {
  return f["source_file"].get<std::string>() + ":" + std::to_string(f["source_line"].get<uint64_t>());
}

static std::string where(const Json &f) {
  std::string text = "PTX line " + std::to_string(f["ptx_line"].get<uint64_t>());
  if (!f["source_line"].get<uint64_t>()) return text;
  text += " (" + source(f);
  for (const Json &call : f.value("inlined_at", Json::array())) text += ", inlined at " + source(call);
  return text + ")";
}

std::string describeFindings(const Json &findings) {
  std::string text;
  for (const Json &f : findings) {
    text += f["check"].get<std::string>() + " in " + f["kernel"].get<std::string>() + ", " + where(f) +
            ", CTA " + place(f["cta"]) + ", thread " + place(f["thread"]) + ": " +
            f["message"].get<std::string>();
    if (f["count"].get<uint64_t>() > 1) text += " [" + std::to_string(f["count"].get<uint64_t>()) + " times]";
    text += "\n";
    if (f.contains("other"))
      text += "    with " + where(f["other"]) + ": " + f["other"]["text"].get<std::string>() + "\n";
  }
  return text;
}

static std::string row(const std::string &name, uint64_t value) {
  std::string number = std::to_string(value);
  for (size_t at = number.size(); at > 3;) number.insert(at -= 3, ",");
  return "  " + name + std::string(name.size() < 28 ? 28 - name.size() : 1, ' ') +
         std::string(number.size() < 16 ? 16 - number.size() : 0, ' ') + number + "\n";
}

std::string describeCounters(const Json &kernel) {
  std::string text = kernel["kernel"].get<std::string>() + "\n";
  for (const auto &[key, value] : kernel.items()) {
    if (key == "instructions") {
      for (const auto &[name, count] : value.items()) {
        if (count.get<uint64_t>()) text += row("instructions: " + name, count.get<uint64_t>());
      }
    } else if (value.is_number() && value.get<uint64_t>() && key != "launches") {
      std::string name = key;
      std::replace(name.begin(), name.end(), '_', ' ');
      text += row(name, value.get<uint64_t>());
    }
  }
  for (const Json &buffer : kernel.value("buffers", Json::array())) {
    std::string name = buffer["name"].get<std::string>();
    text += row(name + ": distinct bytes read", buffer["distinct_bytes_read"].get<uint64_t>());
    text += row(name + ": distinct bytes written", buffer["distinct_bytes_written"].get<uint64_t>());
  }
  return text;
}

std::string describeLines(const Json &lines, const std::string &ptx) {
  std::vector<std::string> source;
  std::istringstream stream(ptx);
  for (std::string line; std::getline(stream, line);) source.push_back(line);
  std::vector<std::pair<uint64_t, size_t>> busiest; // executed, entry
  for (size_t i = 0; i < lines.size(); ++i) busiest.push_back({lines[i]["executed"].get<uint64_t>(), i});
  std::sort(busiest.begin(), busiest.end(),
            [](auto x, auto y) { return x.first != y.first ? x.first > y.first : x.second < y.second; });
  std::string text = "    line    executed     sectors   conflicts  text\n";
  for (size_t i = 0; i < busiest.size() && i < 20; ++i) {
    const Json &l = lines[busiest[i].second];
    uint64_t number = l["ptx_line"].get<uint64_t>();
    auto column = [](uint64_t value, size_t width) {
      std::string digits = std::to_string(value);
      return std::string(digits.size() < width ? width - digits.size() : 1, ' ') + digits;
    };
    std::string shown = number && number <= source.size() ? source[number - 1] : "";
    shown.erase(0, shown.find_first_not_of(" \t"));
    text += column(number, 8) + column(l["executed"].get<uint64_t>(), 12) +
            column(l["sectors"].get<uint64_t>(), 12) +
            column(l["wavefronts"].get<uint64_t>() - l["ideal_wavefronts"].get<uint64_t>(), 12) + "  " +
            shown + "\n";
  }
  return text;
}

} // namespace dlc::vcuda_tool
