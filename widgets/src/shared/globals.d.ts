declare module "*.css" {
  const text: string;
  export default text;
}

/** The package version, put in by the build. */
declare const __INTERP_NB_VERSION__: string;
