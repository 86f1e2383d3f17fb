// What the course adds to JupyterLab, written by hand as the module that a build would make: tabs that tell a lesson
// from its exercises, a start page that is read again whenever it is shown, and plots that screen readers can describe.
(() => {
  const START = "START.md";
  const KINDS = { notebooks: "Lesson", exercises: "Exercises", solutions: "Solution" };
  const STYLE = Object.entries(KINDS)
    .map(([folder, kind]) => `[data-course="${folder}"] .lm-TabBar-tabLabel::before { content: "${kind} "; }`)
    .concat(
      // JupyterLab would break a line of code or of what was printed within a word
      ".jp-OutputArea .jp-OutputArea-output pre { word-break: normal; overflow-wrap: break-word; }",
      // JupyterLab centres tables, below text that begins at the left
      ".jp-MarkdownViewer .jp-RenderedHTMLCommon table { margin-left: 0; }",
      // white becomes the dark theme's #111111 and colours keep their hue; photographs and maps stay as they are
      "[data-jp-theme-light='false'] img.course-drawn { filter: invert(0.933) hue-rotate(180deg); }",
    )
    .join("\n");

  // lesson and exercises have one file name; the folder tells them apart (a label of its own would rename the file)
  const markTab = (panel, context) => {
    const mark = () => {
      const folder = context.localPath.split("/").at(-2);
      const { course, ...others } = panel.title.dataset;
      panel.title.dataset = folder in KINDS ? { ...others, course: folder } : others;
    };
    mark();
    context.pathChanged.connect(mark);
  };

  // a kernel writes its version into the notebook as soon as it starts; that is no change of the reader's
  const overlookVersion = (model) => {
    model.metadataChanged.connect((_, { key }) => {
      if (key === "language_info" && !model.dirty) setTimeout(() => (model.dirty = false));
    });
  };

  // JupyterLab leaves out the alternative text that a picture comes with; drawings follow the theme
  const describePictures = (rendermime) => {
    const usual = rendermime.getFactory("image/png");
    const createRenderer = (options) => {
      const renderer = usual.createRenderer(options);
      const render = renderer.renderModel.bind(renderer);
      renderer.renderModel = async (model) => {
        await render(model);
        const { alt, drawn } = model.metadata["image/png"] ?? {};
        const picture = renderer.node.querySelector("img");
        if (picture) picture.alt = alt ?? model.data["text/plain"] ?? "";
        picture?.classList.toggle("course-drawn", Boolean(drawn));
      };
      return renderer;
    };
    rendermime.addFactory({ ...usual, createRenderer });
  };

  const plugin = {
    id: "jax-course:plugin",
    description: "Marks tabs, keeps the start page up to date, describes plots.",
    autoStart: true,
    activate: (app) => {
      document.head.append(Object.assign(document.createElement("style"), { textContent: STYLE }));
      app.docRegistry.addWidgetExtension("Notebook", {
        createNew: (panel, context) => {
          markTab(panel, context);
          overlookVersion(context.model);
          describePictures(panel.content.rendermime);
        },
      });
      app.shell.currentChanged?.connect((_, { newValue }) => {
        if (newValue?.context?.localPath === START && newValue.context.isReady) newValue.context.revert();
      });
    },
  };

  const modules = { "./extension": { __esModule: true, default: plugin } };
  window._JUPYTERLAB = window._JUPYTERLAB ?? {};
  window._JUPYTERLAB["jax-course"] = { init: () => {}, get: async (name) => () => modules[name] };
})();
