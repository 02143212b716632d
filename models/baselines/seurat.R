# Seurat's integration of batches, at the settings of its vignettes on anchors (CCA and reciprocal PCA).
#
# Rscript --vanilla seurat.R FOLDER cca|rpca SEED
#
# FOLDER holds counts.mtx (genes x cells), genes.txt, cells.txt and batch.txt (one line a cell); embedding.csv is written
# there: one line a cell, named, in whatever order Seurat leaves them. Status 3 says which package is missing, 4 that
# there are too few anchors between batches.

given <- commandArgs(trailingOnly = TRUE)
folder <- given[1]; reduction <- given[2]; seed <- as.integer(given[3])
n_features <- 2000; n_dims <- 30; k_weight <- 100; least_k_weight <- 5

if (!requireNamespace("Seurat", quietly = TRUE)) { cat("Seurat\n"); quit(status = 3) }
suppressPackageStartupMessages({ library(Seurat); library(Matrix) })
set.seed(seed)

lines_of <- function(name) readLines(file.path(folder, name), encoding = "UTF-8")

read_cells <- function() {
  counts <- as(readMM(file.path(folder, "counts.mtx")), "CsparseMatrix")
  dimnames(counts) <- list(lines_of("genes.txt"), lines_of("cells.txt"))
  cells <- CreateSeuratObject(counts)
  cells$batch <- lines_of("batch.txt")
  cells
}

prepare <- function(cells) {
  cells <- NormalizeData(cells, verbose = FALSE)
  FindVariableFeatures(cells, selection.method = "vst", nfeatures = n_features, verbose = FALSE)
}

components <- function(cells, features = NULL) {
  cells <- ScaleData(cells, features = features, verbose = FALSE)
  n <- min(n_dims, ncol(cells) - 1, length(if (is.null(features)) VariableFeatures(cells) else features) - 1)
  RunPCA(cells, features = features, npcs = n, seed.use = seed, verbose = FALSE)
}

# Where a batch has fewer anchors than k.weight, IntegrateData fails on an assignment; the documented remedy is a lower
# k.weight. How many are needed depends on the order in which it merges batches, so it is halved until it is low enough.
integrate <- function(anchors, k) {
  merged <- tryCatch(
    IntegrateData(anchors, dims = 1:n_dims, k.weight = k, verbose = FALSE),
    error = function(e) {
      if (!grepl("number of items to replace|k.weight", conditionMessage(e))) stop(e)
      NULL
    }
  )
  if (!is.null(merged)) { cat("k.weight", k, "\n"); return(merged) }
  if (k %/% 2 < least_k_weight) { cat("fewer than", k, "anchors between batches\n"); quit(status = 4) }
  integrate(anchors, k %/% 2)
}

cells <- read_cells()
if (length(unique(cells$batch)) == 1) {
  result <- components(prepare(cells))
} else {
  batches <- lapply(SplitObject(cells, split.by = "batch"), prepare)
  features <- SelectIntegrationFeatures(batches, nfeatures = n_features, verbose = FALSE)
  if (reduction == "rpca") batches <- lapply(batches, components, features = features)
  anchors <- FindIntegrationAnchors(
    batches, anchor.features = features, reduction = reduction, dims = 1:n_dims, verbose = FALSE
  )
  result <- components(integrate(anchors, min(k_weight, sapply(batches, ncol))))
}
write.csv(Embeddings(result[["pca"]]), file.path(folder, "embedding.csv"))
