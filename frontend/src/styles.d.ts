/** Styles are bundled by esbuild; they have nothing to import. */
declare module "*.css";
