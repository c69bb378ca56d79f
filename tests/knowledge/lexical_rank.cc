// lexical_rank DOCUMENTS QUERIES K: adds each line of DOCUMENTS to an index, under the line's number from 1; then
// writes "QUERY<tab>DOCUMENT<tab>SCORE" for the best K of each line of QUERIES.
#include <cstdlib>
#include <fstream>
#include <string>

#include <fmt/format.h>

#include "knowledge/lexical/index.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "usage: lexical_rank DOCUMENTS QUERIES K\n");
    return 2;
  }
  const auto index = strata::knowledge::LexicalIndex::Create({});
  if (!index) {
    fmt::print(stderr, "lexical_rank: {}\n", index.error().ToString());
    return 1;
  }
  std::ifstream documents(argv[1]), queries(argv[2]);
  std::string line;
  for (strata::knowledge::ChunkId id = 1; std::getline(documents, line); ++id) (*index)->Add(id, line);
  const std::size_t k = std::strtoul(argv[3], nullptr, 10);
  for (int number = 1; std::getline(queries, line); ++number) {
    for (const auto& chunk : (*index)->Search(line, k)) fmt::print("{}\t{}\t{:.9g}\n", number, chunk.id, chunk.score);
  }
  return 0;
}
