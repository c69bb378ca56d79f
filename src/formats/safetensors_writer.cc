#include "formats/safetensors_writer.h"

#include <nlohmann/json.hpp>

#include "base/new_file.h"

namespace strata {

Status WriteSafetensors(const std::string& path, const std::vector<SafetensorsOutput>& tensors,
                        const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header;
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::size_t offset = 0;
  for (const SafetensorsOutput& tensor : tensors) {
    header[tensor.name] = {
        {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {offset, offset + tensor.bytes}}};
    offset += tensor.bytes;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // so that the data is aligned
  std::string length(8, '\0');
  for (std::size_t i = 0; i < length.size(); ++i) length[i] = static_cast<char>(text.size() >> (8 * i) & 0xFF);

  STRATA_TRY(NewFile file, NewFile::Create(path));
  STRATA_CHECK(file.Write(std::as_bytes(std::span(length))));
  STRATA_CHECK(file.Write(std::as_bytes(std::span(text))));
  for (const SafetensorsOutput& tensor : tensors) {
    STRATA_TRY(const std::vector<std::byte> data, tensor.data());
    if (data.size() != tensor.bytes) {
      return Fail(ErrorCode::kInternal, "{}: tensor {} has {} bytes, {} were announced", path, tensor.name, data.size(),
                  tensor.bytes);
    }
    STRATA_CHECK(file.Write(data));
  }
  return file.Finish();
}

}  // namespace strata
